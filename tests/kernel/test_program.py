"""What a contract compiles to: the columns that come out, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillwell.errors import ContractError
from stillwell.kernel import Format, Kernel
from stillwell.kernel.base import ACCEPTED_TRACE, QUARANTINE_TRACE, REASON
from stillwell.kernel.program import accepted_schema, quarantine_schema
from tests.kernel.records import contract, judge, typed

EVERY_TYPE = """
fields:
  s: {type: string}
  i: {type: integer}
  d: {type: double}
  n: {type: decimal, precision: 12, scale: 3}
  b: {type: boolean}
  t: {type: timestamp}
  y: {type: date}
  c: {type: time}
  o: {type: object, fields: {x: {type: integer}, l: {type: array, items: {type: date}}}}
  l: {type: array, items: {type: object, fields: {z: {type: decimal, precision: 5, scale: 1}}}}
  j: {type: json}
"""


def test_each_type_has_its_arrow_type_in_the_order_of_the_fields():
    assert accepted_schema(contract("other_fields: keep" + EVERY_TYPE)) == pa.schema(
        [
            ("s", pa.string()),
            ("i", pa.int64()),
            ("d", pa.float64()),
            ("n", pa.decimal128(12, 3)),
            ("b", pa.bool_()),
            ("t", pa.timestamp("us", tz="UTC")),
            ("y", pa.date32()),
            ("c", pa.time64("us")),
            ("o", pa.struct([("x", pa.int64()), ("l", pa.list_(pa.date32()))])),
            ("l", pa.list_(pa.struct([("z", pa.decimal128(5, 1))]))),
            ("j", pa.string()),
            ("other_fields", pa.string()),
            ("_stillwell", ACCEPTED_TRACE),
        ]
    )


def test_the_rows_that_come_out_have_that_schema():
    for rest in (EVERY_TYPE, "other_fields: keep" + EVERY_TYPE):
        judged = judge(rest, [b'{"i": 1, "l": [{"z": 1.5}], "o": {"l": ["2024-01-01"]}}', b"x"])
        assert judged.accepted.schema == accepted_schema(contract(rest))
        assert judged.quarantined.schema == quarantine_schema(None)


def test_the_quarantine_holds_bytes_and_key_or_the_record_as_it_came():
    reasons = pa.field("reasons", pa.list_(REASON))
    assert quarantine_schema(None) == pa.schema(
        [("payload", pa.binary()), ("key", pa.binary()), reasons, ("_stillwell", QUARANTINE_TRACE)]
    )
    record = pa.struct([("a", pa.int8())])
    assert quarantine_schema(record) == pa.schema([("record", record), reasons, ("_stillwell", QUARANTINE_TRACE)])


def test_rules_of_bytes_do_not_exist_for_typed_records():
    kernel = Kernel(contract("fields: {a: {type: integer, required: true}}"))
    names = [rule.name for rule in kernel.program(pa.struct([("a", pa.int8())])).rules]
    assert names == ["payload.empty", "a.type", "a.required"]
    assert kernel.program().named("reject")[:3] == ["payload.encoding", "payload.format", "payload.empty"]
    assert kernel.program().named("warn", "fail") == []


def test_a_program_is_compiled_once_for_a_shape_of_input():
    kernel = Kernel(contract("fields: {a: {type: integer}}"), format=Format("csv", {"header": ["a"]}))
    assert kernel.program(columns=("a",)) is kernel.program(columns=("a",))
    assert kernel.program(columns=("a",)) is not kernel.program(columns=("b", "a"))


def test_all_that_is_not_built_yet_is_refused_at_once_each_with_its_line():
    with pytest.raises(ContractError) as caught:
        Kernel(
            contract(
                """
key: s
fields:
  s: {type: string}
  d: {type: double, max: 5, repair: {range: {fill: last, within: 5m}}}
sequence:
  odd: {kind: anomaly, field: d, detect: default}
"""
            )
        )
    assert [(one.code, one.path, one.where.line) for one in caught.value.problems] == [
        ("not-supported", "fields.d.repair.range", 7),
        ("not-supported", "sequence.odd", 9),
    ]


def test_typed_records_of_two_shapes_may_follow_each_other():
    kernel = Kernel(contract("fields: {a: {type: integer}}"))
    for column, value in ((pa.array([1, 2]), 2), (pa.array(["1", "x"]), None)):
        judged = kernel.judge(typed(pa.StructArray.from_arrays([column], names=["a"])))
        assert judged.accepted["a"].to_pylist()[-1:] == ([value] if value else [1])
