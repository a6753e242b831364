"""The compiled pass says what a record-by-record reference says, however batches are cut, states saved and partitions mixed."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.load import parse
from stillwell.kernel import Kernel
from stillwell.kernel.sequence import state as states
from stillwell.kernel.sequence.history import History
from tests.kernel.odd import fixed
from tests.kernel.sequence.reference import BROKEN, UNJUDGED, Reference

M = 60_000_000
RULES = {
    "jump": ("{kind: jump, field: v, max: 3, within: 4m}", {"max": 3, "within": 4 * M}),
    "change": ("{kind: change, field: v, max: 4, within: 8m}", {"max": 4, "within": 8 * M}),
    "unchanged": ("{kind: unchanged, field: v, for: 3m}", {"for": 3 * M}),
    "same_text": ("{kind: unchanged, field: s, for: 3m}", {"for": 3 * M, "field": "s"}),
    "unique": ("{kind: unique, fields: [id, t], within: 5m}", {"fields": ["id", "t"], "within": 5 * M}),
    "order": ("{kind: order}", {}),
    "late": ("{kind: late, max: 6m}", {"max": 6 * M}),
    "count": ("{kind: count, max: 3, within: 2m}", {"max": 3, "within": 2 * M}),
    "counter": ("{kind: counter, field: v, reset: true}", {"reset": True}),
    "counter_without_reset": ("{kind: counter, field: v}", {"reset": False}),
    "step": ("{kind: step, field: v, by: 2, severity: warn}", {"by": 2}),
    "gap": ("{kind: gap, max: 3m, severity: warn}", {"max": 3 * M}),
    "transition": (
        "{kind: transition, field: s, start: a, allowed: {a: [b], b: [a, c], c: [a]}}",
        {"start": ["a"], "allowed": {"a": ["b"], "b": ["a", "c"], "c": ["a"]}, "field": "s"},
    ),
    "spike": ("{kind: spike, field: v, max: 3, records: 3}", {"max": 3, "records": 3}),
    "session": ("{kind: session, inactivity: 2m, longest: 5m, records: 4}", {"inactivity": 2 * M, "longest": 5 * M, "records": 4}),
}  # fmt: skip
_VALUED = ("jump", "change", "unchanged", "counter", "step", "spike")
HEAD = """
contract: c
version: 1.0.0
key: id
time: t
fields: {id: {type: string}, t: {type: timestamp}, v: {type: double, max: 8}, s: {type: string}}
"""
START = 1_704_067_200_000_000
CLOCK = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)


def told(name, history="accepted"):
    """A rule as the reference wants it."""
    text, keys = RULES[name]
    kind = text.split("kind: ")[1].split(",")[0].rstrip("}")
    rule = {"name": name, "kind": kind, "severity": "warn" if "warn" in text else "reject", **keys}
    if kind in _VALUED:
        rule.setdefault("field", "v")
    return rule | {"every": kind in ("unchanged", "count") or history == "all"}


def contract(names, history="accepted"):
    more = f", history: {history}}}"
    return parse(HEAD + "sequence:\n" + "".join(f"  {name}: {RULES[name][0][:-1]}{more}\n" for name in names))


def table(records):
    def payload(one):
        plain = dict(one)
        if plain["t"] is not None:
            plain["t"] = (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=plain["t"])).isoformat() + "Z"
        del plain["p"]
        return json.dumps(plain).encode()

    return pa.table(
        {
            "partition": pa.array([one["p"] for one in records], pa.int32()),
            "offset": pa.array(range(len(records)), pa.int64()),
            "payload": pa.array([payload(one) for one in records], pa.binary()),
        }
    )


def by_reference(rules, records):
    """For each record its verdict by rule, None where it was rejected before, and whether it is accepted."""
    of, found = {}, []
    for one in records:
        reference = of.setdefault(one["p"], Reference(rules))
        if one["v"] is not None and one["v"] > 8:
            found.append((dict.fromkeys([rule["name"] for rule in rules], UNJUDGED), False))
        else:
            found.append(reference.judge(one))
    return found


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "p": st.integers(0, 1),
            "id": st.sampled_from(["x", "y", None]),
            "t": st.one_of(st.integers(-10, 20).map(lambda minute: START + minute * M), st.none()),
            "v": st.one_of(st.integers(0, 9).map(float), st.none()),
            "s": st.sampled_from(["a", "b", "c", "d", None]),
        }
    ),
    min_size=1,
    max_size=40,
)


def said(kernel, history, records, cuts):
    """Accepted offsets and broken rules by offset, judged in pieces."""
    rows, accepted, broken, skipped = table(records), [], {}, {}
    for begin, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        judged = kernel.judge(rows.slice(begin, end - begin), CLOCK, history)
        traces = [(one, one["reasons"] or []) for one in judged.quarantined.to_pylist()]
        accepted += [one["_stillwell"]["offset"] for one in judged.accepted.to_pylist()]
        traces += [(one, one["_stillwell"]["warnings"] or []) for one in judged.accepted.to_pylist()]
        for one, reasons in traces:
            broken[one["_stillwell"]["offset"]] = {reason["rule"] for reason in reasons} - {"v.range"}
        for rule, tally in judged.tally.rules.items():
            skipped[rule] = skipped.get(rule, 0) + int(tally.not_evaluated.sum())
    return sorted(accepted), broken, skipped


@fixed
@given(
    RECORDS,
    st.lists(st.sampled_from(sorted(RULES)), min_size=1, max_size=5, unique=True),
    st.sampled_from(["accepted", "all"]),
    st.data(),
)
def test_verdicts_are_those_of_the_reference_however_batches_are_cut(records, names, history, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=3)))
    one = contract(names, history)
    accepted, broken, skipped = said(Kernel(one), History(one), records, cuts)
    expected = by_reference([told(name, history) for name in names], records)
    assert broken == {
        place: {rule for rule, verdict in verdicts.items() if verdict == BROKEN}
        for place, (verdicts, _) in enumerate(expected)
    }
    assert accepted == [place for place, (_, good) in enumerate(expected) if good]
    for name in names:
        assert skipped[name] == sum(verdicts[name] == UNJUDGED for verdicts, _ in expected)


@pytest.mark.parametrize("name", RULES)
def test_each_kind_says_all_that_it_can_say(name):
    rng = np.random.default_rng(5)
    records = [
        {"p": 0, "id": "x", "t": START + int(at + rng.integers(-8, 3)) * M, "v": float(rng.integers(0, 6)) if at % 3 else 2.0, "s": "abcd"[int(rng.integers(0, 4))]}
        for at in range(300)
    ]  # fmt: skip
    accepted, broken, _ = said(Kernel(contract([name])), History(contract([name])), records, [])
    expected = by_reference([told(name)], records)
    assert accepted == [place for place, (_, good) in enumerate(expected) if good]
    found = [verdicts[name] for verdicts, _ in expected]
    assert BROKEN in found
    assert found.count(BROKEN) == sum(map(bool, broken.values()))


@fixed
@given(RECORDS, st.data())
def test_what_was_saved_goes_on_where_it_was(records, data):
    one = contract(sorted(RULES))
    kernel, cut = Kernel(one), data.draw(st.integers(0, len(records)))
    rows, whole, first = table(records), History(one), History(one)
    expected = kernel.judge(rows, CLOCK, whole)
    saves = {number: [] for number in (0, 1)}
    for begin in range(0, cut, 7):
        kernel.judge(rows.slice(begin, min(7, cut - begin)), CLOCK, first)
        for number, many in saves.items():
            many.append(first.saved(number))
    second = History(one)
    for number, many in saves.items():
        if many:
            second.restore(number, many)
    found = kernel.judge(rows.slice(cut), CLOCK, second)
    later = [offset >= cut for offset in range(len(records))]
    assert found.verdicts.to_pylist() == [
        verdict for verdict, late in zip(expected.verdicts.to_pylist(), later, strict=True) if late
    ]


def test_under_another_contract_rules_that_stayed_go_on_and_new_ones_begin():
    old, new = contract(["gap", "jump", "unique", "order"]), contract(["unique", "counter_without_reset", "jump"])
    records = [
        {"p": 0, "id": "x", "t": START + at * M, "v": float(value), "s": "a"}
        for at, value in enumerate([1, 2, 7, 2, 0])
    ]
    records[3]["t"] = START
    rows, history = table(records), History(old)
    first = Kernel(old).judge(rows.slice(0, 2), CLOCK, history)
    second = Kernel(new).judge(rows.slice(2), CLOCK, history.under(new))
    assert first.verdicts.to_pylist() == [0, 0]
    broken = [{reason["rule"] for reason in one} for one in second.quarantined["reasons"].to_pylist()]
    # The jump from 2 to 7, the identity of the first record; nothing was counted yet, so 0 after 2 is below nothing.
    assert broken == [{"jump"}, {"unique"}]


def stream(keys, length, each=1):
    """Records of so many keys in turn, a second apart."""
    return pa.table(
        {
            "partition": pa.array(np.zeros(length, np.int32)),
            "offset": pa.array(np.arange(length) * each),
            "payload": pa.array(
                [b'{"id":"%d","t":"2024-01-01T%02d:%02d:%02dZ","v":%d}' % (at % keys, at // 3600 % 24, at // 60 % 60, at % 60, at % 7) for at in range(length)]
            ),
        }
    )  # fmt: skip


def test_no_more_keys_are_remembered_than_was_said_and_it_is_told():
    one = contract(["counter_without_reset"])
    history, kernel = History(one, most=100), Kernel(one)
    kernel.judge(stream(1000, 2000, each=states.BLOCK // 50), CLOCK, history)
    state = history.of(0)
    assert state.sets[0].used <= 150
    assert state.forgotten > 500


def test_where_batches_are_cut_has_no_say_in_what_is_forgotten():
    one, rows = contract(["counter_without_reset", "unique"]), stream(1000, 5000, each=states.BLOCK // 50)
    verdicts = []
    for size in (5000, 777, 64):
        history, kernel = History(one, most=100), Kernel(one)
        verdicts.append(
            [verdict for begin in range(0, 5000, size) for verdict in kernel.judge(rows.slice(begin, size), CLOCK, history).verdicts.to_pylist()]
        )  # fmt: skip
    assert verdicts[0] == verdicts[1] == verdicts[2]


def test_keys_go_when_no_verdict_can_depend_on_them_any_more():
    one = contract(["jump"])
    history, kernel = History(one), Kernel(one)
    kernel.judge(stream(4000, 40_000, each=7), CLOCK, history)
    assert history.of(0).sets[0].used < 4000
    assert history.of(0).forgotten == 0


def test_a_key_of_a_megabyte_and_a_key_of_many_records_are_keys_like_others():
    one = contract(["counter_without_reset"])
    long = json.dumps({"id": "k" * 1_000_000, "v": 3}).encode()
    rows = pa.table(
        {
            "partition": pa.array([0] * 3, pa.int32()),
            "offset": [0, 1, 2],
            "payload": [long, long.replace(b"3", b"2"), long],
        }
    )
    assert Kernel(one).judge(rows, CLOCK).verdicts.to_pylist() == [0, 2, 0]
    many = stream(1, 50_000)
    assert len(Kernel(one).judge(many, CLOCK).quarantined) > 40_000


def test_without_history_nothing_is_evaluated_and_nothing_lost():
    one = contract(["jump", "unique"])
    judged = Kernel(one).judge(stream(3, 50), CLOCK, history=False)
    assert (judged.read, len(judged.accepted)) == (50, 50)
    assert int(judged.tally.rules["jump"].not_evaluated.sum()) == 50


def test_a_sensitive_value_is_in_no_reason():
    text = HEAD.replace("v: {type: double, max: 8}", "v: {type: double, sensitive: mask}")
    one = parse(text + "sequence: {j: {kind: jump, field: v, max: 1, within: 5m}}\n")
    [row] = Kernel(one).judge(stream(1, 7).slice(0, 1), CLOCK).accepted.to_pylist()
    judged = Kernel(one).judge(pa.concat_tables([stream(1, 7).slice(0, 1), stream(1, 7).slice(4, 1)]), CLOCK)
    [reason] = judged.quarantined["reasons"][0].as_py()
    assert (reason["seen"], reason["expected"]) == ("***", "jump: ≤ 1, within 5m")
    assert row["v"] == 0
