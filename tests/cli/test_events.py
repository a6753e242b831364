"""The score of what history shows: events against the generator's truth, each kind of which it must be able to lose."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from stillwell.cli._events import CAUGHT_BY, FIRST, Events
from stillwell.connectors.generator import HISTORY
from stillwell.contract.load import load
from tests.cli.conftest import ROOT

SENSORS = 20
ROWS = 12_000
SOURCE = f"{{generator: {{rows: {ROWS}, sensors: {SENSORS}}}}}"
EXAMPLE = ROOT / "examples" / "sensors" / "history.yml"


@pytest.fixture
def scored(epochs, here):
    """The score of a run under the example, edited; and its epochs."""

    def score(*edits):
        text = EXAMPLE.read_text()
        seen = epochs(((here / "contract.yml").read_text(), text), *edits, source=SOURCE, epoch="{records: 5000}")
        found = Events(load(here / "contract.yml"), SENSORS)
        for one in seen:
            found.see(one)
        return found, seen

    return score


def told(seen, name):
    return [value for one in seen for value in one.batch[name].cast(pa.string()).to_pylist()]


def test_every_event_is_caught_and_no_clean_record_blamed(scored):
    score, seen = scored()
    assert (score.precision, score.recall, score.clean_rejected) == (1.0, 1.0, 0)
    assert tuple(score.by_fault()) == HISTORY
    faults = told(seen, "fault")[FIRST * SENSORS :]
    for kind, (injected, caught) in score.by_fault().items():
        assert injected == caught > 0
        assert kind == "stuck" or injected == faults.count(kind)


def test_a_stuck_stretch_is_one_event(scored):
    score, seen = scored()
    faults = told(seen, "fault")
    assert score.by_fault()["stuck"][0] <= faults.count("stuck") / 10


@pytest.mark.parametrize("kind", HISTORY)
def test_without_the_rule_its_fault_slips_through_and_no_other(scored, kind):
    rule = f"{{kind: {CAUGHT_BY[kind][0]}"
    gone = [line for line in EXAMPLE.read_text().splitlines(keepends=True) if rule in line]
    assert gone
    score, _ = scored(*((line, "") for line in gone))
    missed = {name for name, (injected, caught) in score.by_fault().items() if caught < injected}
    assert missed == {kind}
    assert score.recall < 1.0


def test_a_rule_that_is_too_strict_blames_clean_records(scored):
    score, _ = scored(("field: temperature, max: 10,", "field: temperature, max: 0.4,"))
    assert score.recall > 0.9
    assert score.clean_rejected > 100
    assert score.precision < 0.9


def test_a_rule_of_another_field_or_kind_has_caught_nothing(scored):
    _, seen = scored()
    turned = {"temperature": "humidity", "humidity": "pressure", "pressure": "temperature"}
    other = Events(load(EXAMPLE), SENSORS)
    for one in seen:
        fields = [turned.get(field, field) for field in one.batch["fault_field"].cast(pa.string()).to_pylist()]
        place = one.batch.column_names.index("fault_field")
        batch = one.batch.set_column(place, "fault_field", pa.array(fields, pa.string()))
        other.see(dataclasses.replace(one, batch=batch))
    found = other.by_fault()
    assert (found["spike"][1], found["stuck"][1]) == (0, 0)
    assert found["late"][0] == found["late"][1]


def test_a_clean_record_that_a_rule_of_its_own_values_rejects_is_blamed_too(scored):
    score, _ = scored(("min: -40, max: 85", "min: -40, max: 20"))
    assert score.clean_rejected > 100


def test_nothing_seen_is_nothing_wrong():
    score = Events(load(EXAMPLE), SENSORS)
    assert (score.precision, score.recall) == (1.0, 1.0)
