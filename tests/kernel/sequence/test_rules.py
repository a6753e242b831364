"""Rules become steps, and say in words what they expected."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from stillwell.errors import ContractError
from stillwell.kernel.sequence.rules import expected, steps
from tests.kernel.records import contract

HEAD = "key: id\nidentity: [id]\ntime: t\nfields: {id: {type: string}, t: {type: timestamp}, v: {type: double}, s: {type: string}}\n"


def step(rule):
    [one] = steps(contract(HEAD + f"sequence: {{r: {rule}}}"))
    return one


def said(rule, before):
    bits = before if isinstance(before, int) else struct.unpack("q", struct.pack("d", before))[0]
    return expected(step(rule), np.array([bits])).to_pylist()[0]


MOMENT = 1_704_067_200_000_000


@pytest.mark.parametrize(
    ("rule", "before", "words"),
    [
        ("{kind: jump, field: v, max: 3, within: 5m}", 20.5, "at most 3 away from 20.5, the value before, within 5m"),
        ("{kind: jump, field: v, below: 3, within: 1h30m}", 1.0, "less than 3 away from 1, the value before, within 1h30m"),
        ("{kind: change, field: v, max: 4, within: 1d}", 7.0, "a spread of at most 4 within 1d, in which there was 7"),
        ("{kind: spike, field: v, max: 4}", 7.0, "at most 4 away from 7, the median of 5 values"),
        ("{kind: unchanged, field: v, for: 5m}", MOMENT, "another value than since 2024-01-01T00:00:00Z, after 5m"),
        ("{kind: unique, within: 1h}", MOMENT, "once within 1h, and it came at 2024-01-01T00:00:00Z"),
        ("{kind: order}", MOMENT, "not before 2024-01-01T00:00:00Z, the newest of its key"),
        ("{kind: order}", MOMENT + 1500, "not before 2024-01-01T00:00:00.001500Z, the newest of its key"),
        ("{kind: late, max: 5m}", MOMENT, "at most 5m before 2024-01-01T00:00:00Z, the newest of its partition"),
        ("{kind: count, max: 10, within: 1m}", MOMENT, "at most 10 records of a key within 1m"),
        ("{kind: counter, field: v}", 9.0, "not below 9, the value before"),
        ("{kind: step, field: v, by: 2}", 9.0, "at most 2 above 9, the value before"),
        ("{kind: gap, max: 5m}", MOMENT, "within 5m after 2024-01-01T00:00:00Z, the one before"),
        ("{kind: transition, field: s, start: a, allowed: {a: [b, c]}}", 0, "after a: b or c"),
        ("{kind: transition, field: s, start: a, allowed: {a: [b, c]}}", 3, "first: a"),
        ("{kind: transition, field: s, start: a, allowed: {a: [b, c]}}", 1, "after b: nothing"),
        ("{kind: session, inactivity: 5m, longest: 1h}", MOMENT, "a session that is over by now: it began at 2024-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_each_kind_says_what_it_expected(rule, before, words):
    assert said(rule, before) == words


def test_a_count_below_a_limit_is_one_less():
    assert step("{kind: count, max: 9, within: 1m}").count == 9


@pytest.mark.parametrize(
    "rule",
    [
        "{kind: count, max: 1025, within: 1m}",
        "{kind: count, max: 1.5, within: 1m}",
        "{kind: count, max: 0, within: 1m}",
        "{kind: spike, field: v, max: 1, records: 17}",
        "{kind: session, inactivity: 1m, records: 0.5}",
    ],
)
def test_what_would_remember_too_much_is_refused(rule):
    with pytest.raises(ContractError, match=r"The sequence rule `r` .* would remember"):
        step(rule)


def test_a_rule_is_another_when_what_it_remembers_is():
    digests = {
        step(rule).digest
        for rule in (
            "{kind: jump, field: v, max: 3, within: 5m}",
            "{kind: jump, field: v, max: 3, within: 6m}",
            "{kind: jump, field: v, max: 3, within: 5m, history: all}",
            "{kind: jump, field: v, max: 3, within: 5m, where: v > 0}",
            "{kind: counter, field: v}",
        )
    }
    assert len(digests) == 5
    # How much is too much is no part of what is remembered.
    assert step("{kind: jump, field: v, max: 4, within: 5m}").digest in digests


def test_what_has_parts_of_its_own_is_no_key_and_no_value():
    head = "key: id\nfields: {id: {type: string}, v: {type: array, items: {type: string}}}\n"
    for rule in (
        "{kind: unchanged, field: v, for: 1m}",
        "{kind: unique, fields: [v], within: 1m}",
        "{kind: order, key: v}",
    ):
        with pytest.raises(ContractError, match=r"parts of its own|nothing can be told apart"):
            steps(contract(f"{head}sequence: {{r: {rule}}}"))


def test_a_long_time_is_a_century_at_most():
    assert step("{kind: gap, max: 90000000d}").within == 36_525 * 86_400_000_000
