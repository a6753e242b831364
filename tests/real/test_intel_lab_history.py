"""Intel Lab beside its own past: each gap, late and out-of-order reading, counted a second time in plain Python."""

from __future__ import annotations

import gzip
from collections import Counter

import pyarrow as pa
import pytest

from tests.real.datasets import DATASETS, LAB, batches, kernel, on_the_page, verdict

EVERY = 30
"""Seconds from one sampling to the next."""


@pytest.fixture(scope="module")
def readings(paths):
    """Line number, mote and sampling of each reading whose mote there is, in the order in which they came."""
    [path] = paths("intel_lab_history")
    with gzip.open(path, "rt") as file:
        cells = [dict(zip(LAB, line.rstrip("\n").split(" "), strict=True)) for line in file]
    return [(number, int(one["mote"]), int(one["epoch"])) for number, one in enumerate(cells) if int(one["mote"]) <= 54]


@pytest.fixture(scope="module")
def found(verdict_on):
    return verdict_on("intel_lab_history")


@pytest.fixture(scope="module")
def warned(found):
    """The warnings of each accepted record, by rule: offset and what was expected."""
    rules: dict[str, dict[int, str]] = {}
    for trace in found.accepted["_stillwell"].combine_chunks().to_pylist():
        for one in trace["warnings"] or []:
            rules.setdefault(one["rule"], {})[trace["offset"]] = one["expected"]
    return rules


def test_nothing_is_rejected_but_the_mote_that_there_is_not(readings, found):
    assert (found.read, len(found.accepted), len(found.quarantined)) == (230_904, 230_903, 1)
    assert found.conserved
    assert on_the_page("intel_lab_history", found)
    assert [[one["rule"] for one in reasons] for reasons in found.reasons().values()] == [["mote.range"]]


def test_readings_that_never_came_are_found_at_the_next_one(readings, warned):
    newest: dict[int, int] = {}
    lost, silent = {}, set()
    for number, mote, epoch in readings:
        if mote in newest and epoch > newest[mote] + 1:
            lost[number] = f"at most 1 above {newest[mote]}, the value before"
            if (epoch - newest[mote]) * EVERY > 120:
                silent.add(number)
        newest[mote] = max(epoch, newest.get(mote, epoch))
    assert warned["lost"] == lost
    assert warned["silence"].keys() == silent
    assert (len(lost), len(silent)) == (74_671, 8_389)


def test_a_reading_that_another_motes_later_one_overtook_is_told(readings, warned):
    newest, overtaken, late = 0, set(), set()
    for number, _, epoch in readings:
        if epoch < newest:
            overtaken.add(number)
        if (newest - epoch) * EVERY > 45:
            late.add(number)
        newest = max(epoch, newest)
    assert warned["overtaken"].keys() == overtaken
    assert warned["late"].keys() == late
    assert (len(overtaken), len(late)) == (60_505, 1)


def test_what_no_mote_ever_did_is_found_of_none(found, warned):
    # This copy of the data was cut and merged by somebody before us: no reading is there twice, none came out of turn.
    assert set(warned) == {"lost", "silence", "overtaken", "late"}
    assert Counter(found.tally.failures()).keys() == {*warned, "mote.range"}
    motes, rejected = 26, 1
    assert found.not_evaluated("in_order") == found.not_evaluated("counts") == motes + rejected


def test_a_line_that_is_moved_or_doubled_is_found_out_of_turn(data, readings, tmp_path):
    dataset = DATASETS["intel_lab_history"]
    [(_, table), *_] = batches(dataset, data, tmp_path)
    last = 1999
    before = max(number for number, mote, _ in readings[:last] if mote == readings[last][1])
    order = [*(number for number in range(last + 1) if number != before), before, 5]
    odd = table.take(order).set_column(
        table.column_names.index("offset"), "offset", pa.array(range(len(order)), pa.int64())
    )
    told = verdict([kernel(dataset).judge(odd)]).reasons()
    assert {offset: {one["rule"] for one in told[offset]} - {"overtaken", "late"} for offset in (last, last + 1)} == {
        last: {"counts", "in_order"},
        last + 1: {"counts", "in_order", "once"},
    }
