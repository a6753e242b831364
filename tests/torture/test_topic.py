"""What happens to the topic behind our back is told, and never makes a record vanish in silence."""

from __future__ import annotations

from operator import itemgetter

import pytest

from tests.torture.ground import LONG, Ground, all_ended, wait
from tests.torture.test_change import died

pytestmark = LONG


def refused(ground, code, file="last.yml"):
    """A run that is refused for one reason; the error."""
    run = ground.run(file)
    assert run.ended() == 3, run.told()
    error = run.said("error")[-1]
    assert error["code"] == code, error
    return error


@pytest.mark.parametrize("open_intent", [False, True], ids=["idle", "open"])
def test_a_topic_that_was_deleted_and_made_anew_is_refused(kafka, topic, tmp_path, open_intent):
    ground = Ground(kafka, tmp_path, topic)
    ground.produce(500)
    died(ground) if open_intent else ground.last()
    held = ground.witness.places()
    ground.delete()
    error = refused(ground, "no-topic")
    assert topic in error["what"]
    ground.create()
    ground.produce(700)
    error = refused(ground, "other-source")
    assert "torture" in error["what"]
    assert ground.witness.places() == held


@pytest.mark.parametrize("group", [False, True], ids=["alone", "group"])
def test_a_topic_that_is_deleted_while_it_is_read_ends_the_run_with_its_name(kafka, topic, tmp_path, group):
    ground = Ground(kafka, tmp_path, topic, group=group)
    ground.produce(500)
    run = ground.run()
    with all_ended(run):
        wait(ground.everything, told=run.told)
        ground.delete()
        assert run.ended(90) == 3, run.told()
    error = run.said("error")[-1]
    assert (error["code"], topic in error["what"]) == ("topic-gone", True), error
    assert len(set(ground.witness.places())) == ground.produced


@pytest.mark.parametrize("whole", [True, False], ids=["past it", "into it"])
def test_retention_that_overtakes_an_open_intent_is_told(kafka, topic, tmp_path, whole):
    """What was declared can be judged no more: this is an error, and no run goes on as if nothing were."""
    ground = Ground(kafka, tmp_path, topic)
    ground.produce(600)
    intent = died(ground)
    lost = ground.witness.unfinished()
    part = intent["slices"][0]
    low, high = part["start"]["offset"], part["end"]["offset"]
    end = sum(partition == part["partition"] for partition, _ in ground.witness.look().source)
    ground.forget({part["partition"]: min(high + 5, end) if whole else (low + high + 1) // 2})
    for _ in range(2):
        error = refused(ground, "source-changed")
        assert f"partition {part['partition']} offsets {low:,} to {high:,}" in error["what"]
    assert ground.witness.unfinished() == lost


def test_rows_that_retention_takes_from_a_sink_are_no_longer_provable_and_others_are(kafka, topic, tmp_path):
    ground = Ground(kafka, tmp_path, topic, accepted="kafka", quarantine="kafka")
    ground.produce(600)
    ground.last()
    held = len(ground.witness.places())
    ground.forget({0: 200}, of=f"{topic}.accepted")
    ground.forget({0: 20}, of=f"{topic}.quarantine")
    gone = held - len(ground.witness.places())
    assert 150 < gone < 220
    told = ground.audit()
    assert (told["code"], told["holds"], told["forgotten"], told["proved"]) == (0, True, gone, 600 - gone), told


def test_retention_that_overtakes_a_run_that_was_away_is_a_gap(kafka, topic, tmp_path):
    """In the summary, in what it says to people, and in the ledger; and just these records are missing."""
    ground = Ground(kafka, tmp_path, topic)
    ground.produce(600)
    ground.last()
    ends = dict.fromkeys(range(4), 0)
    for partition, offset in ground.witness.places():
        ends[partition] = max(ends[partition], offset + 1)
    ground.produce(600)
    gone = ground.witness.look().lost
    ground.forget({1: ends[1] + 7, 2: ends[2] + 3})
    run = ground.run("last.yml")
    assert run.ended() == 2, run.told()
    due = [
        {"partition": 1, "start": ends[1], "end": ends[1] + 7},
        {"partition": 2, "start": ends[2], "end": ends[2] + 3},
    ]
    declared = [gap for one in ground.witness.intents() for gap in one["gaps"]]
    for gaps in (run.said("run")[-1]["gaps"], declared):
        assert sorted(gaps, key=itemgetter("partition")) == due
    for gap in due:
        assert f"partition {gap['partition']}, offsets {gap['start']:,} to {gap['end'] - 1:,}: gone" in run.told()
    places = ground.witness.places()
    assert len(places) == len(set(places)) == 1190
    assert {place for place in gone if place not in places} == {
        (gap["partition"], offset) for gap in due for offset in range(gap["start"], gap["end"])
    }
    told = ground.audit()
    assert (told["code"], told["holds"], told["missed"]) == (2, True, 10), told
