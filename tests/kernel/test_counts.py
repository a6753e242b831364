"""Counts of parts are those of the whole, and examples are the first ones, numbered over all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwell.contract.rules import rule_list
from stillwell.kernel.base import REASON
from stillwell.kernel.counts import Counts, Example, Judgement, RuleCount, added, examples
from stillwell.kernel.flags import Flags
from tests.kernel.records import contract


def part(read, failed, places):
    shown = {"r": [Example(place, "r", "f", "1", "2") for place in places]} if places else {}
    return Counts(read, read - failed, failed, 0, 0, 0, failed > 1, {"r": RuleCount(failed, 0, 1)}, shown, {})


def test_parts_are_added():
    whole = added([part(10, 1, [3]), part(10, 0, []), part(5, 2, [0, 4])], [0, 10, 20], 2)
    assert (whole.read, whole.accepted, whole.quarantined, whole.stop) == (25, 22, 3, True)
    assert whole.rules == {"r": RuleCount(3, 0, 3)}
    assert [one.place for one in whole.samples["r"]] == [3, 20]
    assert whole.failures() == {"r": 3}


def test_weights_say_how_many_records_an_entry_stands_for():
    one = contract("fields: {a: {type: integer, max: 5, warn: {max: 3}, fail: {max: 9}}}")
    rules = [rule for rule in rule_list(one) if not rule.name.startswith("payload")]
    bits = {"a.type": [0, 0, 0], "a.range": [0, 1, 1], "a.warn.range": [1, 1, 1], "a.fail.range": [0, 0, 1]}
    flags = Flags(3, {rule: np.array(mask, bool) for rule, mask in bits.items()}, {}, {})
    judgement = Judgement(rules, flags, np.array([10, 5, 2]))
    counts = judgement.counts(100, {"a.range": 7})
    assert (counts.read, counts.quarantined, counts.warned, counts.several, counts.stop) == (117, 7, 10, 7, True)
    assert counts.rules["a.range"] == RuleCount(7, 0, 7)
    samples, repairs = judgement.wanted(lambda mask: np.flatnonzero(mask)[:1].tolist())
    assert samples == {"a.range": [1], "a.warn.range": [0], "a.fail.range": [2]}
    assert repairs == {}


def test_only_examples_that_are_wanted_are_shown():
    reason = {"rule": "r", "field": "f", "severity": "reject", "seen": "1", "expected": "2"}
    lists = pa.array([[reason, reason | {"rule": "q"}], [reason]], pa.list_(REASON))
    assert examples(lists, [4, 9], {"r": [9], "q": [4]}) == {
        "r": [Example(9, "r", "f", "1", "2")],
        "q": [Example(4, "q", "f", "1", "2")],
    }
