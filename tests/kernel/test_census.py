"""The counting query exists where nothing has to be parsed, and combinations of many rules fit into its words."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pytest

from stillwell.contract.rules import rule_list
from stillwell.kernel.census import census
from stillwell.kernel.decode import Typed
from stillwell.kernel.native import native
from tests.kernel.records import contract, judge, typed
from tests.kernel.test_counting import assert_counted, count

RECORD = pa.struct([pa.field("d", pa.float64()), pa.field("s", pa.string())])


def asked(rest):
    one = contract(rest)
    rules = tuple(rule for rule in rule_list(one) if rule.name not in ("payload.encoding", "payload.format"))
    return census(one, rules, Typed(one, RECORD), partial(native, record=RECORD), 1)


@pytest.mark.parametrize(
    "rest",
    ["fields: {s: {type: double}}", "fields: {s: {type: json}}", "other_fields: warn\nfields: {d: {type: double}}"],
)
def test_what_has_to_be_parsed_is_not_counted_so(rest):
    assert asked(rest) is None


def test_a_type_that_cannot_fail_takes_no_part():
    found = asked("fields: {d: {type: double}, s: {type: string, pattern: x}}")
    assert found is not None
    assert [rule for _, rule in found.flags] == ["payload.empty", "d.type", "s.pattern"]


def test_more_rules_than_one_word_holds_are_counted():
    rules = "".join(f"  r{place}: {{expect: d <> {place}}}\n" for place in range(150))
    rest = "fields: {d: {type: double}}\nrules:\n" + rules
    rows = typed(pa.array([{"d": float(place % 160)} if place % 9 else None for place in range(400)], RECORD))
    assert_counted(count(rest, rows), judge(rest, rows))
