"""Which record gets which fault: about as often as asked, the same for any cut, and true to its name over history."""

import numpy as np
import pytest

from stillwell.connectors.generator.faults import CLEAN, CODE, FIELDS, NO_FIELD, Plan
from stillwell.connectors.generator.options import DEFAULT_RATES, GAP_LENGTH, KINDS, STUCK_LENGTH

SEATS = 40


def plan(rates=DEFAULT_RATES, seats=SEATS):
    return Plan(7, 0, seats, rates)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_asked_for_alone_occurs_as_often_as_asked(kind):
    slots = plan({kind: 0.03}).slots(0, 400_000)
    assert set(slots.kind.tolist()) == {CLEAN, CODE[kind]}
    assert np.mean(slots.kind == CODE[kind]) == pytest.approx(0.03, rel=0.15)


def test_by_default_every_kind_occurs_about_as_often_as_stated():
    slots = plan().slots(0, 1_000_000)
    for kind, rate in DEFAULT_RATES.items():
        assert np.mean(slots.kind == CODE[kind]) == pytest.approx(rate, rel=0.2), kind


def test_any_cut_gives_the_same():
    whole = plan().slots(0, 30_000)
    for first, count in ((0, 1), (1, 39), (40, 41), (12_345, 7_000), (29_999, 1)):
        part = plan().slots(first, count)
        for name in ("offset", "seat", "kind", "field"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[first : first + count]), (first, name)


def test_without_faults_all_sensors_report_in_turn():
    slots = plan({}).slots(0, 100)
    assert slots.seat.tolist() == [offset % SEATS for offset in range(100)]
    assert set(slots.kind.tolist()) == {CLEAN}


def test_a_gap_marks_the_first_record_after_a_silence_and_only_that():
    slots = plan({"gap": 0.02}).slots(0, 100_000)
    found = 0
    for seat in range(SEATS):
        mine = np.flatnonzero(slots.seat == seat)
        rounds = np.diff(slots.offset[mine] // SEATS)
        silent = mine[1:][rounds > 1]
        assert set(rounds[rounds > 1].tolist()) <= {GAP_LENGTH + 1}
        assert silent.tolist() == np.intersect1d(mine, slots.having("gap")).tolist()
        found += len(silent)
    assert found > 1000


def test_a_value_stands_still_for_a_whole_stretch_in_one_field():
    slots = plan({"stuck": 0.05}).slots(0, SEATS * STUCK_LENGTH * 50)
    stretches = {}
    for row in slots.having("stuck"):
        stretches.setdefault((slots.seat[row], row // (SEATS * STUCK_LENGTH)), []).append(FIELDS[slots.field[row]])
    assert stretches
    assert all(len(fields) == STUCK_LENGTH and len(set(fields)) == 1 for fields in stretches.values())
    assert {fields[0] for fields in stretches.values()} == {"temperature", "humidity", "pressure"}


@pytest.mark.parametrize("kind", ["duplicate", "out_of_order"])
def test_a_repeat_follows_a_sound_record_of_its_sensor(kind):
    slots = plan({"malformed": 0.5, "gap": 0.05, kind: 0.2}).slots(0, 50_000)
    rows = slots.having(kind)
    assert len(rows) > 1000
    assert rows.min() >= SEATS
    assert (slots.kind[rows - SEATS] == CLEAN).all()
    assert (slots.seat[rows - SEATS] == slots.seat[rows]).all()


def test_only_kinds_that_concern_a_field_name_one():
    slots = plan().slots(0, 200_000)
    nowhere = {kind for kind in KINDS if set(slots.field[slots.having(kind)].tolist()) == {NO_FIELD}}
    assert nowhere == {"malformed", "duplicate", "gap"}
    assert set(slots.field[slots.having("null")].tolist()) == set(range(len(FIELDS)))


def test_a_single_sensor_never_falls_silent():
    assert not len(plan({"gap": 0.05}, seats=1).slots(0, 10_000).having("gap"))
