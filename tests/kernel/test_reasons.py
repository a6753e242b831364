"""Why a record was rejected: complete, in order, short, and without what is sensitive."""

from __future__ import annotations

import hashlib
import hmac
import json

import pyarrow as pa
import pytest

from stillwell.contract.rules import rule_list
from stillwell.kernel.base import ACCEPTED_TRACE, QUARANTINE_TRACE
from stillwell.kernel.reasons import MASK, SHOWN
from tests.kernel.odd import WHOLE, everything
from tests.kernel.records import CLOCK, batch, contract, judge, reasons, typed


def test_a_reason_says_rule_field_severity_what_was_seen_and_what_was_expected():
    rest = "fields: {d: {type: double, min: -40, max: 85, warn: {max: 70}}, s: {type: string, allowed: [a, b]}}\nrules: {r: {expect: 'd > 0', severity: warn}}"
    judged = judge(rest, [b'{"d": 412.0, "s": "c"}', b'{"d": "x"}', b'{"d": -1}'])
    assert [list(one.values()) for one in reasons(judged)] == [
        ["d.range", "d", "reject", "412.0", "-40 … 85"],
        ["d.warn.range", "d", "warn", "412.0", "≤ 70"],
        ["s.allowed", "s", "reject", '"c"', "one of a, b"],
        ["d.type", "d", "reject", '"x"', "a number"],
    ]
    [row] = judged.accepted["_stillwell"].to_pylist()
    assert row["warnings"] == [
        {"rule": "r", "field": "d", "severity": "warn", "seen": '{"d":-1.0}', "expected": '"d" > 0'}
    ]
    assert row["repairs"] is None


def test_every_rule_that_was_broken_is_named_in_the_order_of_judging():
    rest = "fields: {a: {type: string, pattern: '[a-z]+', max_length: 2, required: true, warn: {max_length: 1}}, b: {type: integer, max: 1}}\nrules: {z: {expect: 'b < 0'}, y: {expect: \"a = 'x'\"}}"
    judged = judge(rest, [b'{"a": "ABC", "b": 5}', b'{"b": "x"}'])
    order = [rule.name for rule in rule_list(contract(rest))]
    for row in judged.quarantined["reasons"].to_pylist():
        names = [one["rule"] for one in row]
        assert names == sorted(names, key=order.index)
    assert len(reasons(judged)) == 8


def test_a_trace_leads_back_to_the_record_and_the_contract():
    table = batch(
        [b"{}", b"x"],
        topic=pa.array(["t", "t"]),
        partition=pa.array([2, 2], pa.int32()),
        offset=pa.array([7, 9], pa.int64()),
    )
    judged = judge("fields: {a: {type: integer}}", table)
    expected = {"topic": "t", "partition": 2, "ingest_time": CLOCK, "contract": "a", "version": "1.0.0"}
    assert judged.quarantined["_stillwell"].to_pylist() == [{**expected, "offset": 9}]
    straight = {"via": None, "warnings": None, "repairs": None}
    assert judged.accepted["_stillwell"].to_pylist() == [{**expected, "offset": 7, **straight}]
    replayed = judge("fields: {a: {type: integer}}", table.append_column("via", pa.array(["replay-1", "replay-2"])))
    assert replayed.accepted["_stillwell"].to_pylist() == [{**expected, "offset": 7, **straight, "via": "replay-1"}]
    assert replayed.quarantined.equals(judged.quarantined)
    assert judged.accepted.schema.field("_stillwell").type == ACCEPTED_TRACE
    assert judged.quarantined.schema.field("_stillwell").type == QUARANTINE_TRACE


def test_what_is_shown_is_cut_and_bytes_are_made_readable():
    long = b'{"d": "' + "é".encode() * 1000 + b'"}'
    judged = judge("fields: {d: {type: double}}", [long, b"{" + b"x" * 1000, b"\xff" + b"a" * 1000])
    seen = [one["seen"] for one in reasons(judged)]
    assert [len(one) for one in seen[:2]] == [SHOWN, SHOWN]
    assert seen[2].startswith("\\xffaaa")
    assert judged.quarantined["payload"].to_pylist()[0] == long


SECRET = "geheim"
SENSITIVE = """
other_fields: warn
fields:
  card:  {type: string, sensitive: mask, pattern: '[0-9]+', max_length: 3, warn: {min_length: 99}}
  fixed: {type: string, sensitive: mask, max_length: 2, repair: {length: truncate}}
  full:  {type: integer, value: "card || fixed"}
  owner: {type: object, sensitive: mask, fields: {name: {type: integer}}}
  deep:  {type: object, fields: {pin: {type: integer, sensitive: mask}, ok: {type: integer}}}
  list:  {type: array, items: {type: object, fields: {pin: {type: string, sensitive: mask}, ok: {type: integer}}}}
rules:
  both: {expect: "card = 'x'"}
  part: {expect: "deep.ok > 0"}
"""


@pytest.mark.parametrize("hash_key", [None, b"key"])
def test_what_is_sensitive_is_shown_nowhere(hash_key):
    members = [
        {name: value}
        for name in ("card", "fixed", "owner", "deep", "list")
        for value in (SECRET, [SECRET], {"pin": SECRET}, {"name": SECRET}, [{"pin": SECRET, "ok": "x"}])
    ]
    payloads = [json.dumps(one).encode() for one in members] + [
        f'{{"card": "{SECRET}"'.encode(),
        b"\xff" + SECRET.encode(),
    ]
    payloads.append(json.dumps({"card": SECRET, "fixed": SECRET, "deep": {"ok": 0}}).encode())
    judged = judge(SENSITIVE, payloads, hash_key=hash_key)
    told = str(judged.quarantined["reasons"].to_pylist()) + str(
        [{**row, "topic": None} for row in judged.accepted["_stillwell"].to_pylist()]
    )
    assert SECRET not in told
    assert MASK in told
    assert judged.tally.failures()["card.type"] > 0
    assert SECRET in str(judged.quarantined["payload"].to_pylist()), "the quarantine keeps the record as it came"


def test_a_repaired_value_that_is_sensitive_is_masked_too():
    judged = judge(
        "fields: {a: {type: string, sensitive: mask, max_length: 2, repair: {length: truncate}}}", [b'{"a": "geheim"}']
    )
    [row] = judged.accepted["_stillwell"].to_pylist()
    assert row["repairs"] == [{"rule": "a.length", "field": "a", "before": MASK}]


def test_a_keyed_hash_joins_equal_values_and_without_a_key_they_are_masked():
    rest = "fields: {a: {type: integer, sensitive: hash}}"
    records = [b'{"a": "x"}', b'{"a": "y"}', b'{"a": "x"}']
    one, two, three = (reason["seen"] for reason in reasons(judge(rest, records, hash_key=b"k")))
    assert one == three != two
    assert one == hmac.new(b"k", b'"x"', hashlib.sha256).hexdigest()[:16]
    assert one != reasons(judge(rest, records[:1], hash_key=b"other"))[0]["seen"]
    assert {reason["seen"] for reason in reasons(judge(rest, records))} == {MASK}


def test_fields_beside_a_sensitive_one_are_shown():
    judged = judge("fields: {a: {type: string, sensitive: mask}, b: {type: integer}}", [b'{"a": "geheim", "b": "x"}'])
    assert [one["seen"] for one in reasons(judged)] == ['"x"']


def test_typed_records_show_their_values():
    judged = judge(
        "fields: {a: {type: integer}, o: {type: object, fields: {x: {type: integer}}}}",
        typed(pa.array([{"a": "v", "o": {"x": 1.5}}])),
    )
    assert [(one["rule"], one["seen"]) for one in reasons(judged)] == [("a.type", "v"), ("o.x.type", "1.5")]


def test_every_rejected_record_has_a_reason_of_a_rule_that_the_contract_has():
    rest = (
        "fields: {d: {type: double, required: true}, s: {type: string, pattern: 's.*'}}\nrules: {r: {expect: 'd < 50'}}"
    )
    judged = judge(rest, [*WHOLE, *everything({"d": "5", "s": '"s"'})])
    known = {rule.name for rule in rule_list(contract(rest))}
    assert all(row and {one["rule"] for one in row} <= known for row in judged.quarantined["reasons"].to_pylist())
