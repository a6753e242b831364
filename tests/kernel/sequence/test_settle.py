"""Who broke a sequence rule has its reason after all others, and rows come out in the order of the batch."""

from __future__ import annotations

from tests.kernel.records import batch, contract, judge

REST = (
    "key: id\nfields: {id: {type: string}, v: {type: double, max: 100, warn: {max: 50}}}\n"
    "sequence: {c: {kind: counter, field: v}, s: {kind: step, field: v, by: 10, severity: warn}}"
)
RECORDS = [b'{"id":"a","v":%d}' % value for value in (1, 2, 60, 1, 200, 61, 55, 62)]


def test_reasons_of_all_kinds_are_together_in_the_order_of_judging():
    found = judge(REST, batch(RECORDS))
    assert found.verdicts.to_pylist() == [0, 0, 1, 2, 2, 1, 2, 1]
    assert [one["v"] for one in found.accepted.to_pylist()] == [1, 2, 60, 61, 62]
    warned = [[reason["rule"] for reason in one["_stillwell"]["warnings"] or []] for one in found.accepted.to_pylist()]
    assert warned == [[], [], ["v.warn.range", "s"], ["v.warn.range"], ["v.warn.range"]]
    reasons = [[reason["rule"] for reason in one] for one in found.quarantined["reasons"].to_pylist()]
    assert reasons == [["c"], ["v.range", "v.warn.range"], ["v.warn.range", "c"]]
    assert [one["seen"] for one in found.quarantined["reasons"][0].as_py()] == ["1"]


def test_the_tally_counts_them_like_any_rule():
    tally = judge(REST, batch(RECORDS)).tally
    assert tally.failures() == {"v.range": 1, "v.warn.range": 5, "c": 2, "s": 1}
    # The first has none before it, the one above 100 is not compared.
    assert [int(tally.rules[rule].not_evaluated.sum()) for rule in ("c", "s")] == [2, 2]
    assert (tally.count("accepted"), tally.count("quarantined"), tally.count("warned")) == (5, 3, 3)


def test_a_fail_rule_stops_at_its_first_record():
    found = judge(REST.replace("field: v}", "field: v, severity: fail}", 1), batch(RECORDS))
    assert (found.stop.rule, found.stop.offset) == ("c", 3)
    assert contract(REST).sequence[0].severity == "reject"
