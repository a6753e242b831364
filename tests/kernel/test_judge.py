"""The kernel as a whole: equal to a plain implementation, conserving, independent of how it is run."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.errors import ContractError
from stillwell.kernel import Kernel
from stillwell.kernel.base import Stop
from stillwell.kernel.digest import identity_hashes, payload_digest, payload_hash, total
from stillwell.kernel.tally import merge
from tests.kernel.odd import everything, fixed, payloads
from tests.kernel.records import (
    CLOCK,
    assert_same,
    assert_same_tally,
    batch,
    contract,
    differences,
    joined,
    judge,
    outcomes,
    reasons,
    typed,
)
from tests.kernel.reference import Json, Judge, Word

EVERYTHING = """
missing: ['n/a']
time: t
fields:
  id:   {type: string, required: true, pattern: 's_[0-9]{3}'}
  n:    {type: integer, min: -5, max: 1000, repair: {range: clamp}, warn: {max: 500}}
  i:    {type: integer, required: true, default: 7}
  d:    {type: double, required: true, min: -40, max: 85, warn: {max: 70}, fail: {min: -30}}
  o:    {type: double, unit: °C, missing: ['-', '-200'], clean: [trim, strip_unit]}
  p:    {type: double, clean: [decimal_comma], missing: ['-200'], below: 100, repair: {range: clear}}
  m:    {type: decimal, precision: 12, scale: 3, above: 0, repair: {range: {value: 1.5}}}
  b:    {type: boolean, repair: {type: clear}}
  t:    {type: timestamp, max: now + 1m, warn: {min: now - 7d}}
  z:    {type: timestamp, zone: America/New_York, format: [iso, epoch_s, 'dd.MM.yyyy HH:mm'], default: 2024-01-01T00:00:00Z}
  day:  {type: date, min: 2000-01-01, repair: {type: {value: 2024-01-01}}}
  at:   {type: time, max: '20:00'}
  s:    {type: string, from: [s, old.s], min_length: 2, max_length: 5, repair: {length: truncate}}
  c:    {type: string, clean: [squeeze, upper, {map: {N/A: NONE}}], allowed: [NO, SE, NONE], repair: {allowed: {value: SE}}}
  ip:   {type: string, format: [ipv4, card-number]}
  obj:  {type: object, fields: {x: {type: integer, required: true}, y: {type: string, max_length: 3}, z: {type: double, default: 0.5}}}
  tags: {type: array, items: {type: integer, min: 0, required: true}, max_items: 3}
  j:    {type: json}
  deep: {type: integer, from: 'tags[1]'}
  key:  {type: integer, from: $key}
rules:
  order:  {expect: 'n <= i', severity: warn}
  both:   {expect: 'd > 0 or p > 0', where: 'b'}
  strict: {expect: 'p < 99', if_null: fail, severity: warn}
  inside: {expect: 'obj.x <> 3'}
"""

GOOD = {
    "id": '"s_001"',
    "n": "3",
    "i": "10",
    "d": "21.5",
    "o": '"20 °C"',
    "p": '"12,5"',
    "m": "1.25",
    "b": "false",
    "t": '"2024-06-01T11:59:00Z"',
    "z": '"2024-06-01T12:00:00"',
    "day": '"2024-06-01"',
    "at": '"12:00"',
    "s": '"abc"',
    "c": '"no"',
    "ip": '"127.0.0.1"',
    "obj": '{"x": 1, "y": "ab"}',
    "tags": "[1, 2]",
    "j": '{"a": [1]}',
    "old": '{"s": "old"}',
}


def or_null(left, right):
    """OR of three values."""
    return True if left or right else None if None in (left, right) else False


def more(value, limit):
    return None if value is None else value > limit


RULES = {
    "order": lambda v: None if v["n"] is None or v["i"] is None else v["n"] <= v["i"],
    "both": lambda v: or_null(more(v["d"], 0), more(v["p"], 0)) if v["b"] else None,
    "strict": lambda v: v["p"] is not None and v["p"] < 99,
    "inside": lambda v: None if v["obj"] is None or v["obj"]["x"] is None else v["obj"]["x"] != 3,
}


def plain_json(value):
    """JSON with numbers as numbers: however they are written, they mean the same."""
    if isinstance(value, Word):
        return value.text.lower() if value.text[-1:].isalpha() else float(value.text)
    if isinstance(value, dict):
        return {name: plain_json(one) for name, one in value.items()}
    return [plain_json(one) for one in value] if isinstance(value, list) else value


def before(text):
    """A value before a repair in a form that both write alike."""
    try:
        number = Decimal(str(text))
    except ArithmeticError:
        return text
    return number if number.is_finite() else text


STRICT_GOOD = {**GOOD, "z": '"2024-06-01T12:00:00Z"', "at": '"12:00:00"'}
WAYS = {"lenient": GOOD, "strict": STRICT_GOOD}


def assert_as_the_reference(records, parsing="lenient"):
    table = batch(records, key=pa_keys(len(records)))
    rules = contract(f"parsing: {parsing}\n{EVERYTHING}")
    judged = judge(rules, table)
    assert judged.read == len(records) == len(judged.accepted) + len(judged.quarantined)
    for offset, (record, found) in enumerate(zip(records, outcomes(judged), strict=True)):
        expected = Judge(rules, RULES, CLOCK).judge(record, {"key": str(offset) if offset % 3 else None})
        if expected.values is not None and expected.values["j"] is not None:
            expected.values["j"] = plain_json(expected.values["j"])
            assert found.values is not None, (record, found)
            found.values["j"] = plain_json(Json(found.values["j"]).read())
        assert found.rules == expected.rules, record
        assert (found.verdict, found.values) == (expected.verdict, expected.values), record
        assert {rule for rule, _ in found.repairs} == {rule for rule, _ in expected.repairs}, record
        for rule, value in expected.repairs:
            if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
                assert before(value) in [before(text) for name, text in found.repairs if name == rule], record


def pa_keys(length):
    return [str(offset).encode() if offset % 3 else None for offset in range(length)]


@pytest.mark.parametrize("parsing", WAYS)
def test_each_odd_value_in_each_field_is_judged_as_the_reference_judges(parsing):
    records = everything(WAYS[parsing])
    assert_as_the_reference(records, parsing)
    assert judge(f"parsing: {parsing}\n{EVERYTHING}", records[:1]).verdicts.to_pylist() == [0]


@pytest.mark.parametrize("parsing", WAYS)
@fixed
@given(data=st.data())
def test_any_payloads_are_judged_as_the_reference_judges(parsing, data):
    assert_as_the_reference(data.draw(st.lists(payloads(WAYS[parsing]), min_size=10, max_size=40)), parsing)


STREAM = """
time: t
fields:
  id: {type: string, required: true, pattern: 's_[0-9]{3}', from: [id, $key]}
  d:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}, repair: {type: clear, required: {value: 0}}}
  t:  {type: timestamp, required: true, max: now + 1m}
  s:  {type: string, clean: [upper], max_length: 5}
rules:
  later: {expect: "date_diff('day', t, now) < 7", severity: warn}
  short: {expect: 'length(s) < 4'}
"""
STREAM_GOOD = {"id": '"s_001"', "d": "21.5", "t": '"2024-06-01T11:59:00Z"', "s": '"abc"'}


def stream():
    """A batch of odd records over three partitions, with keys, topics and ingest times of which some are absent."""
    records = everything(STREAM_GOOD)
    length = len(records)
    return batch(
        records,
        partition=pa.array([place * 7 % 3 for place in range(length)], pa.int32()),
        offset=pa.array(range(10, 10 + 3 * length, 3), pa.int64()),
        key=pa.array([None if place % 4 else b"s_%03d" % (place % 1000) for place in range(length)], pa.binary()),
        topic=pa.array(["north" if place % 2 else None for place in range(length)]),
        ingest_time=pa.array(
            [None if place % 5 == 0 else CLOCK + dt.timedelta(hours=place % 50) for place in range(length)],
            pa.timestamp("us", tz="UTC"),
        ),
    )


@pytest.fixture(scope="module")
def whole():
    return judge(STREAM, stream())


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_cut_of_batches_changes_nothing(whole, size):
    table = stream()
    if size < 100:
        # Some of each field, so that this stays quick.
        table = table.filter(
            pc.less(pc.subtract(table["offset"], pc.multiply(pc.divide(table["offset"], 50), 50)), size)
        )
        whole = judge(STREAM, table)
    kernel = Kernel(contract(STREAM), threads=1)
    parts = [kernel.judge(table.slice(at, size), CLOCK) for at in range(0, len(table), size)]
    accepted, quarantined, verdicts = joined(parts)
    assert not differences(accepted, whole.accepted)
    assert not differences(quarantined, whole.quarantined)
    assert verdicts == whole.verdicts.to_pylist()
    assert_same_tally(merge([part.tally for part in parts]), whole.tally)
    assert_same_tally(merge([part.tally for part in reversed(parts)]), whole.tally)
    for partition in whole.facts:
        sums = [part.facts[partition] for part in parts if partition in part.facts]
        for name in ("read", "accepted", "quarantined"):
            assert sum(getattr(one, name) for one in sums) == getattr(whole.facts[partition], name)
        for name in ("identity_read", "identity_accepted", "identity_quarantined", "payload_quarantined"):
            assert sum(getattr(one, name) for one in sums) % 2**64 == getattr(whole.facts[partition], name)


def test_threads_change_nothing(whole):
    assert_same(judge(STREAM, stream(), threads=2), whole)
    # Enough rows that several threads have work.
    table = pa.concat_tables([stream()] * 30)
    assert_same(judge(STREAM, table, threads=3), judge(STREAM, table, threads=1))


def test_the_batch_in_another_order_gives_each_record_the_same_verdict(whole):
    table = stream()
    order = sorted(range(len(table)), key=lambda place: (place * 7919) % len(table))
    judged = judge(STREAM, table.take(order))
    assert [whole.verdicts[place].as_py() for place in order] == judged.verdicts.to_pylist()
    assert_same_tally(judged.tally, whole.tally)


def digest(judged):
    """All that was said, in few characters."""
    return hashlib.sha256(repr([judged.accepted.to_pylist(), judged.quarantined.to_pylist()]).encode()).hexdigest()


ALONE = """
from tests.kernel.records import judge
from tests.kernel.test_judge import STREAM, digest, stream
print(digest(judge(STREAM, stream())))
"""


def test_the_time_zone_and_locale_of_the_process_change_nothing(whole):
    root = Path(__file__).parents[2]
    base = {**os.environ, "PYTHONPATH": str(root)}
    worlds = [
        {"TZ": "America/New_York", "LC_ALL": "C", "LANG": "C"},
        {"TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    ]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", ALONE], env={**base, **world}, stdout=subprocess.PIPE, cwd=root, text=True
        )
        for world in worlds
    ]
    assert [run.communicate()[0].strip() for run in runs] == [digest(whole)] * 2


def test_now_is_when_the_record_was_taken_in_and_else_the_clock():
    rest = "fields: {t: {type: timestamp, max: now + 1m}}"
    records = [
        b'{"t": "2024-06-01T12:01:00Z"}',
        b'{"t": "2024-06-01T12:01:00.000001Z"}',
        b'{"t": "2024-06-01T13:00:00Z"}',
    ] * 2
    later = CLOCK + dt.timedelta(hours=1)
    times = pa.array([None] * 3 + [later] * 3, pa.timestamp("us", tz="UTC"))
    judged = judge(rest, batch(records, ingest_time=times))
    assert judged.verdicts.to_pylist() == [0, 2, 2, 0, 0, 0]
    taken = [row["ingest_time"] for row in judged.accepted["_stillwell"].to_pylist()]
    assert taken == [CLOCK, later, later, later]


def test_without_any_clock_it_is_the_time_of_judging():
    judged = Kernel(contract("fields: {t: {type: timestamp, min: now - 1h, max: now}}")).judge(
        batch([b'{"t": "%s"}' % dt.datetime.now(dt.UTC).isoformat().encode()])
    )
    assert judged.verdicts.to_pylist() == [0]


@fixed
@given(
    st.lists(
        st.tuples(
            st.none() | st.binary(max_size=30) | payloads(STREAM_GOOD),
            st.integers(0, 3),
            st.none() | st.binary(max_size=4),
        ),
        max_size=40,
    )
)
def test_nothing_is_lost_and_payloads_and_keys_stay_as_they_came(records):
    payloads_, partitions, keys = (list(column) for column in zip(*records, strict=True)) if records else ([], [], [])
    table = batch(payloads_, partition=pa.array(partitions, pa.int32()), key=pa.array(keys, pa.binary()))
    judged = STREAM_KERNEL.judge(table, CLOCK)
    assert judged.read == len(records) == len(judged.accepted) + len(judged.quarantined)
    where = [
        (row["partition"], row["offset"])
        for one in (judged.accepted, judged.quarantined)
        for row in one["_stillwell"].to_pylist()
    ]
    assert sorted(where) == sorted(zip(partitions, range(len(records)), strict=True))
    came = dict(zip(zip(partitions, range(len(records)), strict=True), zip(payloads_, keys, strict=True), strict=True))
    for row in judged.quarantined.to_pylist():
        trace = row["_stillwell"]
        assert (row["payload"], row["key"]) == came[trace["partition"], trace["offset"]]
        assert row["reasons"]
    assert sum(fact.read for fact in judged.facts.values()) == len(records)
    assert all(fact.conserved for fact in judged.facts.values())
    assert set(judged.facts) == set(partitions)
    assert (
        judged.tally.count("read") == judged.tally.count("accepted") + judged.tally.count("quarantined") == len(records)
    )


STREAM_KERNEL = Kernel(contract(STREAM), threads=1)


def test_facts_are_of_each_partition_and_can_be_computed_from_the_rows(whole):
    table = stream()
    assert sorted(whole.facts) == [0, 1, 2]
    for partition, fact in whole.facts.items():
        here = table.filter(pc.equal(table["partition"], partition))
        assert fact.conserved
        assert fact.read == len(here)
        assert fact.payload_read == payload_digest(here["payload"])
        identities = identity_hashes(here["partition"].to_numpy(), here["offset"].to_numpy())
        assert fact.identity_read == total(identities)
        rejects = [
            row["payload"] for row in whole.quarantined.to_pylist() if row["_stillwell"]["partition"] == partition
        ]
        assert fact.quarantined == len(rejects)
        assert fact.payload_quarantined == sum(map(payload_hash, rejects)) % 2**64


def test_typed_records_are_conserved_too_and_quarantine_keeps_them_as_they_are():
    records = pa.array([{"d": 1.5, "s": "a"}, None, {"d": 99.0, "s": None}, {"d": float("nan"), "s": "b"}])
    judged = judge("fields: {d: {type: double, max: 85}}", typed(records))
    assert judged.verdicts.to_pylist() == [0, 2, 2, 2]
    assert judged.quarantined.schema.field("record").type == records.type
    kept = judged.quarantined["record"].to_pylist()
    assert kept[:2] == [None, {"d": 99.0, "s": None}]
    assert math.isnan(kept[2]["d"])
    assert [reason["rule"] for reason in reasons(judged)] == ["payload.empty", "d.range", "d.type"]
    assert judged.facts[0].conserved
    assert judged.facts[0].payload_read == ""


def test_payloads_may_be_large_binary():
    table = batch([b"{}", b"x", None, b"\xff"], payload=pa.array([b"{}", b"x", None, b"\xff"], pa.large_binary()))
    judged = judge("fields: {a: {type: integer}}", table)
    assert judged.verdicts.to_pylist() == [0, 2, 2, 2]
    assert judged.quarantined["payload"].to_pylist() == [b"x", None, b"\xff"]


def test_an_empty_batch_gives_empty_tables_of_the_same_schema(whole):
    judged = judge(STREAM, stream().slice(0, 0))
    assert judged.read == 0
    assert judged.accepted.schema == whole.accepted.schema
    assert judged.quarantined.schema == whole.quarantined.schema
    assert judged.facts == {}
    assert judged.tally.count("read") == 0


def test_all_accepted_and_all_quarantined_give_the_schemas_as_well(whole):
    for records in ([b'{"id": "s_001", "d": 1, "t": "2024-06-01T11:59:00Z"}'] * 3, [b"x"] * 3):
        judged = judge(STREAM, batch(records))
        assert judged.accepted.schema == whole.accepted.schema
        assert judged.quarantined.schema == whole.quarantined.schema
        assert len(judged.accepted) + len(judged.quarantined) == 3


def test_a_fail_rule_quarantines_and_names_the_first_record_that_broke_it():
    rest = (
        "fields: {d: {type: double, fail: {max: 100}, max: 1000}}\nrules: {even: {expect: 'd % 2 = 0', severity: fail}}"
    )
    judged = judge(
        rest,
        batch([b'{"d": 2}', b'{"d": 2000}', b'{"d": 101}', b'{"d": 3}'], offset=pa.array([5, 6, 8, 9], pa.int64())),
    )
    assert judged.verdicts.to_pylist() == [0, 2, 2, 2]
    assert judged.stop == Stop("d.fail.range", 0, 6)
    severities = [[(one["rule"], one["severity"]) for one in row] for row in judged.quarantined["reasons"].to_pylist()]
    assert severities == [
        [("d.range", "reject"), ("d.fail.range", "fail")],
        [("d.fail.range", "fail"), ("even", "fail")],
        [("even", "fail")],
    ]
    assert judge(rest, [b'{"d": 2}']).stop is None


def test_what_a_contract_asks_and_the_kernel_cannot_do_is_refused_before_any_record():
    with pytest.raises(ContractError) as caught:
        Kernel(contract("fields: {s: {type: double}}\nkey: s\nsequence: {odd: {kind: anomaly, field: s, detect: x}}"))
    assert [(one.code, one.path) for one in caught.value.problems] == [("not-supported", "sequence.odd")]
