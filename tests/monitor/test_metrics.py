"""Counts by key and hour add up to the ledger, wherever a run dies, and name what fails of which key."""

from __future__ import annotations

import collections
import json
from typing import Any

import pytest

from stillwell.errors import PipelineError
from stillwell.monitor.metrics import Metrics
from tests.delivery.stage import Died
from tests.monitor.watched import Watched, every, minutes, reading

VOLUME = "windows:\n  m: {every: 1m, rules: {v: {measure: count, min: 6}}}\n"


class Counted(Watched):
    """A watched pipeline with a table of metrics beside it."""

    def __init__(self, folder, windows=VOLUME, **more):
        super().__init__(folder, windows, **more)
        path = folder / "pipeline.yml"
        path.write_text(path.read_text() + f"metrics: {{memory: {{name: {folder}/metrics}}}}\n")

    def rows(self) -> list[dict[str, Any]]:
        """What the table holds."""
        [metrics] = [one for one in self.plan().job.keepers if isinstance(one, Metrics)]
        return [row for batch in metrics.sink.rows() for row in batch.to_pylist()]

    def sums(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Read and quarantined by key and hour of the day."""
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for row in self.rows():
            at = row["key"], row["hour"].hour
            read, quarantined = found.get(at, (0, 0))
            found[at] = read + row["read"], quarantined + row["quarantined"]
        return found


def records():
    bad = [reading(one, "b", 1000) for one in range(3500, 3700, 10)]
    return sorted(every(60, 7200) + bad, key=lambda one: one[1])


def test_rows_say_what_was_read_and_rejected_of_each_key_in_each_hour_and_by_which_rule(tmp_path):
    counted = Counted(tmp_path)
    counted.give(records())
    summary = counted.run()
    assert counted.sums() == {("a", 0): (60, 0), ("a", 1): (60, 0), ("b", 0): (10, 10), ("b", 1): (10, 10)}
    failed = collections.Counter()
    for row in counted.rows():
        failed.update({(row["key"], one["rule"]): one["records"] for one in row["failed"]})
    assert failed == {("b", "value.range"): 20}
    assert summary.quarantined == 20


@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize("step", ["before", "after"])
def test_the_sums_are_those_of_the_ledger_wherever_a_run_dies(tmp_path, monkeypatch, at, step):
    counted = Counted(tmp_path)
    counted.give(records())
    take, calls = Metrics.take, []

    def dying(self, intent, judged):
        calls.append(intent)
        if len(calls) == at + 1 and step == "before":
            raise Died
        take(self, intent, judged)
        if len(calls) == at + 1 and step == "after":
            raise Died

    monkeypatch.setattr(Metrics, "take", dying)
    with pytest.raises(Died):
        counted.run()
    monkeypatch.undo()
    counted.run()
    ledger = [part.facts for intent in counted.plan().job.accepted[0].ledger().intents() for part in intent.slices]
    for name in ("read", "accepted", "quarantined"):
        assert sum(row[name] for row in counted.rows()) == sum(getattr(facts, name) for facts in ledger)
    assert sum(read for read, _ in counted.sums().values()) == 140


def test_a_table_that_is_added_later_is_filled_from_the_source_and_the_ledger(tmp_path):
    watched = Watched(tmp_path, VOLUME)
    watched.give(records())
    watched.run()
    counted = Counted(tmp_path)
    counted._records = [*records()[:30], *(reading(1, "other") for _ in range(10)), *records()[40:]]
    counted.run()
    assert sum(row["read"] for row in counted.rows()) == 140
    [unseen] = [row for row in counted.rows() if row["key"] is None]
    assert (unseen["read"], unseen["failed"], unseen["_stillwell"]["offset"]) == (10, [], 30)
    assert minutes(watched.findings()) == minutes(counted.findings())


def test_keys_that_are_null_or_long_or_of_several_fields_have_rows(tmp_path):
    counted = Counted(tmp_path, "")
    path = tmp_path / "contract.yml"
    path.write_text(path.read_text().replace("key: sensor", "key: [sensor, value]"))
    counted.give([reading(0, None), reading(1, "x" * 1_000_000, 2)])
    counted.run()
    keys = [json.loads(row["key"]) for row in counted.rows()]
    assert [key[1] for key in keys] == ["2", "1"]
    assert keys[1][0] is None
    assert len(keys[0][0]) == 200


@pytest.mark.parametrize(
    ("line", "code"), [("key: sensor\n", "missing-key"), ("required: true}\n  at", "not-supported")]
)
def test_without_a_key_that_may_be_shown_it_is_refused(tmp_path, line, code):
    counted = Counted(tmp_path, "")
    path = tmp_path / "contract.yml"
    other = "" if code == "missing-key" else "sensitive: mask}\n  at"
    path.write_text(path.read_text().replace(line, other))
    with pytest.raises(PipelineError) as caught:
        counted.plan()
    assert [(one.code, one.path) for one in caught.value.problems] == [(code, "metrics")]
