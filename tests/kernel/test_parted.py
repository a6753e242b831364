"""Pieces of a batch are judged side by side and joined in their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from stillwell.kernel import Kernel
from stillwell.kernel.judge import LEAST_ROWS
from tests.kernel.records import CLOCK, assert_same, batch, contract, judge

REST = "fields: {a: {type: integer, max: 1000000, warn: {max: 900000}}, b: {type: string, max_length: 3, repair: {length: truncate}}}"


def lines(size, odd):
    """Records of which those at the places in `odd` are something else."""
    return [odd.get(place, b'{"a": %d}' % place) for place in range(size)]


@pytest.mark.parametrize("size", [LEAST_ROWS - 1, 2 * LEAST_ROWS, 3 * LEAST_ROWS + 5])
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {0: b"x", LEAST_ROWS: b'{"a": 950000}', LEAST_ROWS + 1: b'{"b": "long"}'},
        # One piece holds bytes that are no text, another only odd records.
        {LEAST_ROWS + 3: b"\xff"},
        dict.fromkeys(range(LEAST_ROWS, 2 * LEAST_ROWS), b'{"a": "x"}'),
    ],
    ids=["all plain", "some odd", "no text", "a part all odd"],
)
def test_the_number_of_workers_changes_nothing(size, odd):
    table = batch(lines(size, odd))
    alone = judge(REST, table, threads=1)
    assert alone.read == size
    assert_same(judge(REST, table, threads=3), alone)


def test_several_threads_may_ask_one_kernel_at_once():
    kernel = Kernel(contract(REST), threads=2)
    tables = [batch(lines(2 * LEAST_ROWS, {number: b"x"})) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda table: kernel.judge(table, CLOCK), tables))
    for judged, table in zip(found, tables, strict=True):
        assert_same(judged, kernel.judge(table, CLOCK))
