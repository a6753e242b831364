"""A pipeline from Kafka that runs to its end, and one that is killed on its way: every record is in one place, once.

What is killed hundreds of times is `python -m tests.torture`, in these same rounds.
"""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from tests.torture.ground import Ground
from tests.torture.kills import AGAIN, LEFT_OPEN, RANDOM, STEPS, Kind, Torture, due, rounds


def test_a_run_to_the_end_and_that_its_witness_would_see_what_is_lost_doubled_or_altered(kafka, topic, tmp_path):
    ground = Ground(kafka, tmp_path, topic)
    ground.produce(600)
    summary = ground.last()
    assert (summary["read"], summary["conserved"], summary["recovered"]) == (600, True, 0)
    seen = ground.assert_whole()
    assert 20 < len(seen.quarantined) < 120
    path = str(tmp_path / "accepted")
    rows = DeltaTable(path).to_pyarrow_table()
    column = rows.schema.get_field_index("humidity")
    changed = rows.set_column(column, "humidity", pc.add(rows["humidity"], pa.scalar(1.0)))
    spoiled = pa.concat_tables([rows.slice(3, 5), changed.slice(8, 1), rows.slice(9), rows.slice(20, 2)])
    write_deltalake(path, spoiled, mode="overwrite")
    seen = ground.witness.look()
    assert (len(seen.lost), len(seen.doubled), len(seen.altered)) == (3, 2, 1)


def test_killed_with_an_intent_open_and_again_in_recovery(kafka, tmp_path):
    torture = Torture(kafka, tmp_path, 1)
    torture.round(Kind(), ["after quarantine", "judged again"])
    assert torture.score.kills_by_step == {"after quarantine": 1, "judged again": 1}
    assert torture.score.holds


def test_each_step_is_due_twice_at_least_and_every_death_in_recovery_follows_one_that_left_an_intent_open():
    for kills in (25, 100, 300):
        steps = due(kills, random.Random(kills))
        assert len(steps) == kills
        assert min(steps.count(step) for step in (*STEPS, RANDOM)) >= 2
        found = list(rounds(steps))
        assert sorted(step for _, part in found for step in part) == sorted(steps)
        for kind, part in found:
            assert kind.group or "committed" not in part
            assert not (kind.group and {*AGAIN} & {*part})
            assert all(part[at - 1] in LEFT_OPEN for at, step in enumerate(part) if at and step in AGAIN)
        assert len({kind for kind, _ in found}) == 5
