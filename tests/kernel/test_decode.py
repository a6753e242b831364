"""Where values are found: in JSON, in delimited text, in typed records, in the envelope."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from stillwell.errors import ContractError, StillwellError
from stillwell.kernel import Format, Kernel
from stillwell.kernel.base import COLUMNS
from stillwell.kernel.decode import pointer
from tests.kernel.records import CLOCK, batch, broken, contract, judge, outcomes, reasons, typed, values


def at(path, *records, kind="string"):
    """What lies at a path of each record."""
    return values(f"fields: {{a: {{type: {kind}, from: {path}}}}}", [json.dumps(one).encode() for one in records], "a")


def test_a_path_leads_into_objects_and_arrays():
    record = {"data": {"geo": [{"lat": 1}, {"lat": 2}], "x.y": 3, "a/b~c": 4, "": 5}}
    assert at("'data.geo[1].lat'", record) == ["2"]
    assert at("'data.x\\.y'", record) == ["3"]
    assert at("data.a/b~c", record) == ["4"]
    assert at("'data.geo[5].lat'", record) == at("data.none.lat", record) == at("'data[0]'", record) == [None]


def test_a_path_through_what_is_no_object_is_absent():
    rest = "fields: {a: {type: integer, from: d.v, default: 7}}"
    assert values(rest, [b'{"d": 5}', b'{"d": "x"}', b'{"d": null}', b"{}", b'{"d": {"v": null}}'], "a") == [
        7,
        7,
        7,
        7,
        None,
    ]


def test_of_several_paths_the_first_that_is_present_counts_even_if_null():
    rest = "fields: {a: {type: integer, from: [new, old.name]}}"
    records = [b'{"new": 1, "old": {"name": 2}}', b'{"old": {"name": 2}}', b'{"new": null, "old": {"name": 2}}', b"{}"]
    assert values(rest, records, "a") == [1, 2, None, None]


def test_names_are_told_apart_by_case_and_the_first_of_two_members_counts():
    rest = "fields: {a: {type: integer}, b: {type: integer, from: A}}"
    assert [one.values for one in outcomes(judge(rest, [b'{"A": 1, "a": 2}', b'{"a": 1, "a": 2, "A": 3}']))] == [
        {"a": 2, "b": 1},
        {"a": 1, "b": 3},
    ]


def test_pointers_are_escaped():
    assert pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (None, "payload.empty"), (b"", "payload.empty"), (b"\xff", "payload.encoding"), (b"\xed\xa0\x80", "payload.encoding"),
        (b"{", "payload.format"), (b"[]", "payload.format"), (b"null", "payload.format"), (b" ", "payload.format"), (b"{} {}", "payload.format"),
        (b"\xef\xbb\xbf{}", "payload.format"), (b'{"a": "\\ud800"}', "payload.format"), (b'{"a": "\t"}', "payload.format"),
        (b'{"a": 01}', "payload.format"), (b"{'a': 1}", "payload.format"), (b'{"a": 1}\x00', "payload.format"), (b"{" * 10_000, "payload.format"),
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_quarantined_under_one_rule_of_the_payload(payload, rule):
    judged = judge("fields: {a: {type: integer, required: true}, b: {type: string, default: x}}", [payload])
    assert [one["rule"] for one in reasons(judged)] == [rule]
    assert judged.quarantined["payload"].to_pylist() == [payload]


def test_a_comma_at_the_end_and_deep_nesting_are_no_harm():
    assert values(
        "fields: {a: {type: integer}}", [b'{"a": 1,}', b'{"b": ' + b"[" * 1000 + b"]" * 1000 + b', "a": 1}'], "a"
    ) == [1, 1]


OTHERS = [b'{"a": 1}', b'{"a": 1, "b": [1, {"c": 2}], "x/y~z": "q\\"", "": null}', b"{", b"\xff", None, b"[1]"]


def test_undeclared_fields_are_ignored_kept_warned_of_or_rejected():
    rest = "other_fields: {}\nfields: {{a: {{type: integer}}}}"
    ignored = judge(rest.format("ignore"), OTHERS)
    assert "other_fields" not in ignored.accepted.column_names
    kept = judge(rest.format("keep"), OTHERS)
    found = kept.accepted["other_fields"].to_pylist()
    assert (found[0], json.loads(found[1])) == (None, {"b": [1, {"c": 2}], "x/y~z": 'q"', "": None})
    assert kept.verdicts.to_pylist() == ignored.verdicts.to_pylist() == [0, 0, 2, 2, 2, 2]
    warned = outcomes(judge(rest.format("warn"), OTHERS))
    assert [one.rules for one in warned[:2]] == [set(), {"other_fields"}]
    rejected = judge(rest.format("reject"), OTHERS)
    assert rejected.verdicts.to_pylist() == [0, 2, 2, 2, 2, 2]
    assert rejected.tally.rules["other_fields"].not_evaluated.sum() == 4
    assert json.loads(reasons(rejected)[0]["seen"]) == {"b": [1, {"c": 2}], "x/y~z": 'q"', "": None}


def test_what_lies_beside_a_declared_path_is_not_undeclared():
    assert values(
        "other_fields: keep\nfields: {a: {type: integer, from: d.v}}", [b'{"d": {"v": 1, "w": 2}}'], "other_fields"
    ) == [None]


def test_fields_may_come_from_the_envelope():
    rest = """
fields:
  key: {type: string, from: $key}
  site: {type: string, from: $topic}
  part: {type: integer, from: $partition}
  place: {type: integer, from: $offset}
  taken: {type: timestamp, from: $ingest_time}
  either: {type: string, from: [name, $key]}
"""
    table = batch(
        [b"{}", b'{"name": "n"}', b'{"name": null}'],
        key=pa.array([b"k", None, b"\xff"], pa.binary()),
        topic=pa.array(["t", None, "u"]),
        partition=pa.array([3, 3, 3], pa.int32()),
        offset=pa.array([10, 20, 30], pa.int64()),
    )
    found = [tuple(one.values.values()) for one in outcomes(judge(rest, table))]
    assert found == [("k", "t", 3, 10, CLOCK, "k"), (None, None, 3, 20, CLOCK, "n"), (None, "u", 3, 30, CLOCK, None)]


def test_parts_of_the_envelope_that_a_source_has_not_are_absent():
    rest = "fields: {a: {type: string, from: $key, default: none}, b: {type: string, from: $topic}}"
    assert [one.values for one in outcomes(judge(rest, [b"{}"]))] == [{"a": "none", "b": None}]
    assert [one.values for one in outcomes(judge(rest, typed(pa.array([{"x": 1}]))))] == [{"a": "none", "b": None}]


def test_parts_of_the_envelope_that_cannot_be_read_yet_are_refused():
    with pytest.raises(ContractError) as caught:
        Kernel(contract("fields: {a: {type: string, from: $header.site}}"))
    assert [(one.code, one.path) for one in caught.value.problems] == [("not-supported", "fields.a.from")]


LINES = "fields: {a: {type: integer}, b: {type: string}}"


def test_a_line_of_delimited_text_has_a_cell_for_each_column():
    form = Format("csv", {"header": ["a", "b"]})
    lines = [b"1,x", b'1,"x,y"', b'"1","say ""hi"""', b'1,"two\nlines"', b"1,", b",x", b'1,""', b" 1 , x "]
    found = [tuple(one.values.values()) for one in outcomes(judge(LINES, lines, format=form))]
    assert found == [
        (1, "x"),
        (1, "x,y"),
        (1, 'say "hi"'),
        (1, "two\nlines"),
        (1, None),
        (None, "x"),
        (1, None),
        (1, " x "),
    ]
    wrong = [b"1", b"1,2,3", b'"1,x"', b"\xff,x", b"", None]
    assert (
        broken(LINES, wrong, format=form) == [{"payload.format"}] * 3 + [{"payload.encoding"}] + [{"payload.empty"}] * 2
    )


def test_columns_may_stand_in_the_metadata_of_the_batch_and_in_any_order():
    table = batch([b"x;1;y"]).replace_schema_metadata({COLUMNS: json.dumps(["b", "a", "c"]).encode()})
    judged = judge("other_fields: keep\n" + LINES, table, format=Format("csv", {"delimiter": ";"}))
    assert judged.accepted.select(["a", "b", "other_fields"]).to_pylist() == [
        {"a": 1, "b": "x", "other_fields": '{"c":"y"}'}
    ]


def test_a_field_that_has_no_column_is_absent():
    rest = "fields: {a: {type: integer, from: [nowhere, a]}, z: {type: string, default: none}, d: {type: integer, from: x.y}}"
    form = Format("csv", {"header": ["a", "x.y"]})
    assert [one.values for one in outcomes(judge(rest, [b"1,2"], format=form))] == [{"a": 1, "z": "none", "d": 2}]


def test_cells_may_hold_json_for_objects_arrays_and_json():
    rest = "fields: {o: {type: object, fields: {x: {type: integer}}}, l: {type: array, items: {type: integer}}, j: {type: json}}"
    form = Format("csv", {"header": ["o", "l", "j"], "delimiter": "|", "quote": ""})
    found = outcomes(judge(rest, [b'{"x":1}|[1,2]|"a"', b"x|y|z", b"||"], format=form))
    assert found[0].values == {"o": {"x": 1}, "l": [1, 2], "j": '"a"'}
    assert found[1].rules == {"o.type", "l.type", "j.type"}
    assert found[2].values == {"o": None, "l": None, "j": None}


MOMENT = dt.datetime(2024, 6, 1, 12, 0, 0, 123456)
TYPED = [
    ("double", pa.array([0.1, None, float("nan")], pa.float32()), [0.1, None, ...]),
    ("double", pa.array([1e22, -5.5, float("inf")]), [1e22, -5.5, ...]),
    ("double", pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)), [1.5, None]),
    ("double", pa.array([True, False]), [..., ...]),
    ("integer", pa.array([1.0, 1.5, 2.0**62]), [1, ..., 4611686018427388000]),
    ("integer", pa.array([2**63, 5], pa.uint64()), [..., 5]),
    ("integer", pa.array(["12", " 1_0 ", "x"]), [12, 10, ...]),
    ("string", pa.array([1.5, None]), ["1.5", None]),
    ("string", pa.array([b"ab", None]), ["ab", None]),
    ("string", pa.array(["", "a"], pa.large_string()), ["", "a"]),
    ("string", pa.array(["x", None]).dictionary_encode(), ["x", None]),
    ("boolean", pa.array([True, None]), [True, None]),
    ("decimal, precision: 12, scale: 2", pa.array([Decimal("12345678.90"), None], pa.decimal128(20, 3)), [Decimal("12345678.90"), None]),
    ("timestamp", pa.array([MOMENT, None], pa.timestamp("us")), [MOMENT.replace(tzinfo=dt.UTC), None]),
    ("timestamp, zone: Europe/Oslo", pa.array([MOMENT], pa.timestamp("ns")), [MOMENT.replace(hour=10, tzinfo=dt.UTC)]),
    ("timestamp, zone: Europe/Oslo", pa.array([MOMENT], pa.timestamp("ms", tz="Asia/Kolkata")), [MOMENT.replace(microsecond=123000, tzinfo=dt.UTC)]),
    ("timestamp, format: epoch_s", pa.array([5, 1717243200]), [dt.datetime(1970, 1, 1, 0, 0, 5, tzinfo=dt.UTC), dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)]),
    ("date", pa.array([MOMENT.date(), None]), [MOMENT.date(), None]),
    ("time", pa.array([MOMENT.time(), None]), [MOMENT.time(), None]),
    ("integer", pa.array([None, None], pa.null()), [None, None]),
    ("json", pa.array([{"a": 1, "b": [None]}, None]), ['{"a":1,"b":[null]}', None]),
    ("array, items: {type: integer}", pa.array([[1, 2], None, []]), [[1, 2], None, []]),
    ("object, fields: {x: {type: integer}}", pa.array([{"x": 1, "y": "a"}, None]), [{"x": 1}, None]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "column", "expected"), TYPED, ids=[f"{kind}-{column.type}"[:60] for kind, column, _ in TYPED]
)
def test_a_typed_column_gives_the_values_that_its_digits_say(kind, column, expected):
    records = pa.StructArray.from_arrays([column], names=["a"])
    if column.type == pa.timestamp("ms", tz="Asia/Kolkata"):
        records = pa.StructArray.from_arrays(
            [pa.array([MOMENT.replace(tzinfo=dt.UTC)], pa.timestamp("us", tz="UTC")).cast(column.type, safe=False)],
            names=["a"],
        )
    assert values(f"fields: {{a: {{type: {kind}}}}}", typed(records), "a") == expected


def test_paths_lead_into_structs_and_lists_of_typed_records():
    records = pa.array([{"o": {"x": 1, "l": [{"z": 5}]}}, {"o": None}, None])
    rest = "fields: {x: {type: integer, from: o.x}, z: {type: integer, from: 'o.l[0].z'}, n: {type: integer, from: o.none}}"
    judged = judge(rest, typed(records))
    assert judged.accepted.select(["x", "z", "n"]).to_pylist() == [
        {"x": 1, "z": 5, "n": None},
        {"x": None, "z": None, "n": None},
    ]
    assert [one["rule"] for one in reasons(judged)] == ["payload.empty"]


@pytest.mark.parametrize("threads", [1, 3])
def test_nested_typed_records_may_be_slices_of_a_large_batch(threads):
    records = pa.array([{"o": {"x": number, "p": {"q": number}}} for number in range(30_000)])
    rest = "fields: {x: {type: integer, from: o.x}, q: {type: integer, from: o.p.q}, o: {type: object, fields: {x: {type: integer}}}}"
    found = judge(rest, typed(records).slice(7, 29_000), threads=threads).accepted
    expected = list(range(7, 29_007))
    assert found["x"].to_pylist() == found["q"].to_pylist() == expected
    assert [one["x"] for one in found["o"].to_pylist()] == expected


def test_undeclared_columns_of_typed_records_are_kept_as_json():
    records = pa.array([{"a": 1, "b": "x", "c": 1.5}, {"a": None, "b": None, "c": None}])
    judged = judge("other_fields: keep\nfields: {a: {type: integer}}", typed(records))
    assert judged.accepted["other_fields"].to_pylist() == ['{"b":"x","c":1.5}', '{"b":null,"c":null}']


def test_a_column_that_is_read_may_not_come_twice():
    form = Format("csv", {"header": ["a", "b", "b"]})
    assert judge("fields: {a: {type: integer}}", [b"1,2,3"], format=form).accepted["a"].to_pylist() == [1]
    with pytest.raises(StillwellError, match="2 columns called `b`") as error:
        judge("fields: {b: {type: integer}}", [b"1,2,3"], format=form)
    assert error.value.problems[0].code == "double-column"
