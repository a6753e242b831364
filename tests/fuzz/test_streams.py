"""The shapes of a batch in which something was once said of the wrong record, or nothing at all."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.fuzz import cases
from tests.fuzz.cases import Case
from tests.fuzz.raw import JSON
from tests.kernel.records import batch, judge, outcomes, typed

WORDS = ["w0", "w1", "w2", "w3", "w4"]
RULES = {
    "missing": {"fields": {"a": {"type": "integer", "missing": WORDS}}},
    "allowed": {"fields": {"a": {"type": "integer"}, "b": {"type": "string", "warn": {"allowed": WORDS}}}},
    "a rule": {
        "fields": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "rules": {"r": {"expect": ["in", ["field", "b"], *(["word", word] for word in WORDS)], "severity": "warn"}},
    },
}


@pytest.mark.parametrize("sizes", [(1, 299), (2049, 2048)], ids=str)
@pytest.mark.parametrize("name", RULES)
def test_a_small_chunk_before_a_large_one_stays_where_it_is(name, sizes):
    whole = batch([b'{"a": %d, "b": "x"}' % number for number in range(sum(sizes))])
    table = pa.concat_tables([whole.slice(0, sizes[0]), whole.slice(sizes[0])])
    case = Case(name, {"contract": "a", "version": "1.0.0", **RULES[name]}, JSON, table)
    accepted = cases.judged(case).accepted
    assert accepted["a"].to_pylist() == [one["offset"] for one in accepted["_stillwell"].to_pylist()]


def test_an_empty_chunk_of_typed_records_with_lists_loses_nothing():
    table = typed(pa.array([{"a": [1]}, {"a": [2]}]))
    table = pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1, 1)])
    found = outcomes(judge("fields: {a: {type: array, items: {type: integer}}}", table))
    assert [one.values for one in found] == [{"a": [1]}, {"a": [2]}]
