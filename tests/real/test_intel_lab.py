"""Intel Lab: every line that lost a value and both garbage readings are caught, for the right reason, and none is lost."""

from __future__ import annotations

import datetime as dt
import gzip
from collections import Counter

import pytest
from deltalake import DeltaTable

from tests.real.datasets import LAB, on_the_page
from tests.real.moving import moved

LIMITS = {"mote": (1, 54), "temperature": (-10, 50), "humidity": (0, 100), "light": (0, 1e9), "voltage": (2, 3)}


@pytest.fixture(scope="module")
def lines(paths):
    [path] = paths("intel_lab")
    with gzip.open(path, "rt") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def found(verdict_on):
    return verdict_on("intel_lab")


def broken(line):
    """The rules that a line breaks, told in the plainest way."""
    cells = dict(zip(LAB, line.split(" "), strict=True))
    for name, (least, most) in LIMITS.items():
        if not cells[name]:
            yield f"{name}.required"
        elif not least <= float(cells[name]) <= most:
            yield f"{name}.range"


def test_every_line_has_one_verdict(lines, found):
    assert found.read == len(lines) == 230_904
    assert found.conserved
    assert on_the_page("intel_lab", found)
    assert sorted(found.offsets()) == list(range(len(lines)))


def test_each_line_is_quarantined_for_exactly_the_rules_it_breaks(lines, found):
    expected = {number: set(rules) for number, line in enumerate(lines) if (rules := [*broken(line)])}
    assert {number: {one["rule"] for one in reasons} for number, reasons in found.reasons().items()} == expected
    assert found.tally.failures() == Counter(rule for rules in expected.values() for rule in rules)


def test_a_line_of_seven_values_lost_its_light(lines, found):
    seven = {number for number, line in enumerate(lines) if len(line.split()) == 7}
    lost = {
        number for number, reasons in found.reasons().items() if [one["rule"] for one in reasons] == ["light.required"]
    }
    assert lost == seven
    assert len(seven) == 13_091


def test_both_garbage_readings_are_caught_and_shown(lines, found):
    garbage = {number: reasons for number, reasons in found.reasons().items() if len(lines[number].split()) != 7}
    assert [(one["rule"], one["seen"]) for reasons in garbage.values() for one in reasons] == [
        ("mote.range", "65407"),
        ("temperature.range", "294.251"),
        ("humidity.required", None),
        ("light.required", None),
        ("voltage.range", "0.0130561"),
        ("humidity.range", "-8983.13"),
        ("voltage.range", "0.0346855"),
    ]
    assert [lines[number].split()[3] for number in garbage] == ["65407", "8"]


def test_what_is_rejected_is_kept_verbatim_and_what_is_accepted_keeps_its_values(lines, found):
    assert found.quarantined["payload"].to_pylist() == [lines[number].encode() for number in found.reasons()]
    good = [line.split(" ") for line in lines if not [*broken(line)]]
    for place, name in enumerate(LAB[2:], start=2):
        assert found.accepted[name].to_pylist() == [float(cells[place]) for cells in good]
    times = found.accepted["at"].cast("timestamp[us]").to_pylist()
    assert times == [dt.datetime.fromisoformat(f"{day} {clock}") for day, clock, *_ in good]


def test_a_run_into_delta_loses_nothing_and_its_audit_holds(paths, lines, tmp_path):
    [path] = paths("intel_lab")
    summary, audited = moved("intel_lab", path, "delta", tmp_path)
    bad = sum(1 for line in lines if [*broken(line)])
    assert (summary.read, summary.accepted, summary.quarantined) == (len(lines), len(lines) - bad, bad)
    assert summary.epochs > 1
    assert (audited.holds, audited.proved) == (True, len(lines))
    tables = [
        DeltaTable(tmp_path / name).to_pyarrow_table(columns=["_stillwell"]) for name in ("accepted", "quarantine")
    ]
    assert [len(table) for table in tables] == [len(lines) - bad, bad]
