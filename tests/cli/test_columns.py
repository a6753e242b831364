"""How records are taken apart: what becomes a column, what stands in it, and what is left out."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest

from stillwell.cli import _columns
from stillwell.cli._columns import columns, written
from stillwell.contract.path import path
from stillwell.errors import StillwellError
from stillwell.kernel.base import COLUMNS, Format
from stillwell.suggest.names import FROM


def batch(*payloads, header=None):
    table = pa.table(
        {
            "partition": pa.array(np.zeros(len(payloads), np.int32)),
            "offset": np.arange(len(payloads)),
            "payload": pa.array(list(payloads), pa.binary()),
        }
    )
    return table.replace_schema_metadata({COLUMNS: json.dumps(header).encode()} if header else None)


def test_scalars_of_json_are_texts_under_their_path():
    found = columns(
        [batch(b'{"a":1,"b":{"c":true,"d":{"e":"x"}}}', b'{"a":"1.50","b":null}'), batch(b'{"z":""}')], Format()
    )
    assert found.table.to_pydict() == {
        "a": ["1", "1.50", None],
        "b.c": ["true", None, None],
        "b.d.e": ["x", None, None],
        "z": [None, None, ""],
    }
    assert found.places.tolist() == [0, 1, 2]
    assert found.left_out == ()


def test_records_that_are_no_object_have_no_row():
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    odd = [b"bad", b"\xff", b"[1]", b"", b'{"a":1} x', b'{"a":"\\ud800"}', deep]
    found = columns([batch(b'{"a":1}', *odd, b' {"a":"x\\u0000y"}'), batch(*odd), batch(b'{"a":2}')], Format())
    assert found.table.to_pydict() == {"a": ["1", "x\0y", "2"]}
    assert found.places.tolist() == [0, 8, 16]


def test_arrays_mixtures_and_nameless_keys_are_left_out_and_said():
    found = columns([batch(b'{"l":[1],"m":1,"":2,"e":{},"a":0}', b'{"m":{"x":1},"l":null}')], Format())
    assert found.table.column_names == ["a"]
    assert found.left_out == (
        "`l`, which is an array",
        "`m`, which is of several kinds",
        "a key without a name in the records",
        "`e`, which is an object",
    )


def test_an_empty_object_is_no_mixture():
    found = columns([batch(b"{}", b'{"s":{},"n":null}', b'{"s":{"x":1},"n":{"y":2}}')], Format())
    assert found.table.to_pydict() == {"s.x": [None, None, "1"], "n.y": [None, None, "2"]}
    assert found.left_out == ()


def test_keys_that_are_values_do_not_become_columns(monkeypatch):
    record = {"by_id": {f"k{n}": n for n in range(1_001)}, "n": 1}
    found = columns([batch(json.dumps(record).encode())], Format())
    assert found.table.column_names == ["n"]
    assert found.left_out == ("`by_id`, which is an object",)
    monkeypatch.setattr(_columns, "_MOST_COLUMNS", 9)
    with pytest.raises(StillwellError) as caught:
        columns([batch(*(b'{"k%d":1}' % n for n in range(10)))], Format())
    assert caught.value.problems[0].code == "too-many-columns"


def test_cells_of_lines_are_texts_and_empty_ones_null():
    found = columns([batch(b'1,"x,y",', b"2", b"3,\xff,", b'4,"a""b","p\nq"', header=["a", "b", "c"])], Format("csv"))
    assert found.table.to_pydict() == {"a": ["1", "4"], "b": ["x,y", 'a"b'], "c": [None, "p\nq"]}
    assert found.places.tolist() == [0, 3]


def test_a_column_that_comes_twice_is_left_out():
    found = columns([batch(b"1,2,3,4", header=["a", "b", "a", ""])], Format("csv"))
    assert found.table.to_pydict() == {"b": ["2"]}
    assert found.left_out == ("a column without a name", "`a`, which comes 2 times")


def test_tables_keep_their_types_and_structs_fall_apart():
    rows = [{"a": 1, "s": {"x.y": "q", "l": [1]}, "d": None}, {"a": None, "s": None, "d": 1.5}, None]
    kind = pa.array(rows).type
    parts = [pa.table({"record": pa.array(part, kind)}) for part in (rows[:2], rows[2:], rows[:1])]
    found = columns(parts, Format("arrow"))
    assert found.table.to_pydict() == {"a": [1, None, 1], "s.x.y": ["q", None, "q"], "d": [None, 1.5, None]}
    assert found.table.schema.types == [pa.int64(), pa.string(), pa.float64()]
    assert found.places.tolist() == [0, 1, 3]


def test_what_has_no_plain_value_is_left_out_of_tables():
    row = {"a": 1, "l": [1], "b": b"x", "d": dt.timedelta(1)}
    found = columns([pa.table({"record": pa.array([row])})], Format("arrow"))
    assert found.table.column_names == ["a"]
    assert [one.split("`")[1] for one in found.left_out] == ["l", "b", "d"]
    coded = pa.table({"c": pa.array(["x"]).dictionary_encode()}).to_batches()[0].to_struct_array()
    assert columns([pa.table({"record": coded})], Format("arrow")).table["c"].type == pa.string()


def test_every_column_says_the_path_that_leads_to_it():
    record = {"PM2.5": 1, "a b": 2, "$key": 3, "x[0]": 4, "b\\c": 5, "n": {"d.e": 6}}
    found = columns([batch(json.dumps(record).encode())], Format())
    paths = [field.metadata[FROM].decode() for field in found.table.schema]
    assert [path(one).steps for one in paths] == [
        ("PM2.5",), ("a b",), ("$key",), ("x[0]",), ("b\\c",), ("n", "d.e"),
    ]  # fmt: skip
    assert written(("n", "d.e")) == r"n.d\.e"


def test_a_dotted_name_and_a_path_are_two_columns():
    found = columns([batch(b'{"a.b":1,"a":{"b":2}}')], Format())
    assert found.table.to_pydict() == {"a.b": ["1"], "a.b_": ["2"]}
    assert [field.metadata[FROM] for field in found.table.schema] == [b"a\\.b", b"a.b"]


def test_of_no_batches_there_are_no_columns():
    assert columns([], Format()).table.num_columns == 0
