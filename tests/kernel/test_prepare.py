"""How a batch is made ready: ingest times, text, cells."""

from __future__ import annotations

import csv
import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.base import Format
from stillwell.kernel.prepare import _cut, ingest_times, one_array, readable, relation, utf8
from tests.kernel.odd import fixed
from tests.kernel.records import CLOCK, batch, judge, typed


def cells(line, **options):
    rows = relation(batch([line]), pa.array([CLOCK], pa.timestamp("us", tz="UTC")))
    return readable(rows, Format("csv", options))["_stillwell_cells"].to_pylist()[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a,b", ["a", "b"]),
        (b"", [""]),
        (b",", ["", ""]),
        (b'"a,b",c', ["a,b", "c"]),
        (b'"a""b"', ['a"b']),
        (b'""', [""]),
        (b'"a\nb",c', ["a\nb", "c"]),
        (b'a"b,c', ['a"b', "c"]),
        (b'"a,b', ['"a', "b"]),
        (b'"a"b,c', ['"a"b', "c"]),
        (b' "a",b', [' "a"', "b"]),
        (b'"' + b"x" * 200_000 + b'"', ["x" * 200_000]),
        (b"\xff", None),
        (None, None),
    ],
)
def test_a_line_is_cut_into_its_cells(line, expected):
    assert cells(line) == expected


def test_delimiter_and_quote_may_be_others():
    assert cells(b"a|'b|c'", delimiter="|", quote="'") == ["a", "b|c"]
    assert cells(b'"a" "b c"', delimiter=" ") == ["a", "b c"]
    assert cells(b'"a;b"', delimiter=";", quote="") == ['"a', 'b"']
    assert cells(b"a||b", delimiter="||") == ["a", "b"]
    assert cells(b"a.b*c", delimiter=".") == ["a", "b*c"]


@fixed
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=6), min_size=1, max_size=5
    )
)
def test_lines_that_the_standard_library_writes_are_read_back(texts):
    class Line:
        text = ""

        def write(self, text):
            self.text += text

    line = Line()
    csv.writer(line, lineterminator="", quoting=csv.QUOTE_ALL).writerow(texts)
    assert cells(line.text.encode()) == texts


@fixed
@given(
    st.lists(st.none() | st.text('"a,|^ é\n', max_size=9), min_size=1, max_size=6),
    st.sampled_from([",", "|", ",|", '"', '",']),
    st.sampled_from(['"', "^", " ", "a"]),
)
def test_lines_together_are_cut_as_each_alone(lines, delimiter, quote):
    payloads = [None if line is None else line.encode() for line in lines]
    rows = relation(batch(payloads), pa.array([CLOCK] * len(lines), pa.timestamp("us", tz="UTC")))
    found = readable(rows, Format("csv", {"delimiter": delimiter, "quote": quote}))["_stillwell_cells"].to_pylist()
    assert found == [None if line is None else _alone(line, delimiter, quote) for line in lines]


def _alone(line, delimiter, quote):
    return _cut(line, delimiter, quote) if quote in line else line.split(delimiter)


def test_quotes_that_do_not_close_take_no_time():
    assert len(cells(b'"' + b'""' * 50_000 + b",x")) == 2


def test_text_is_null_where_bytes_are_no_text():
    some = [b"a", b"\xff", None, "é".encode(), b"\xed\xa0\x80", b"\xc0\x80"]
    assert utf8(pa.chunked_array([pa.array(some), pa.array([], pa.binary())])).to_pylist() == [
        "a",
        None,
        None,
        "é",
        None,
        None,
    ]
    assert utf8(pa.chunked_array([[b"a", b"\xff"]], pa.large_binary())).type == pa.large_string()


def test_one_payload_that_is_no_text_among_many_changes_no_other():
    many = [b"%d" % number for number in range(5_000)]
    expected = [one.decode() for one in many]
    many[1_234], expected[1_234] = b"\xff", None
    assert utf8(pa.chunked_array([many])).to_pylist() == expected


def test_the_size_is_that_of_the_bytes():
    some = batch([b"a", b"\xff\xff", None, b""])
    rows = readable(relation(some, pa.array([CLOCK] * 4, pa.timestamp("us", tz="UTC"))), Format())
    assert rows["_stillwell_size"].to_pylist() == [1, 2, None, 0]


def test_the_clock_fills_in_for_ingest_times_of_any_unit():
    later = CLOCK + dt.timedelta(hours=1)
    for kind in (pa.timestamp("us", tz="UTC"), pa.timestamp("ms", tz="Asia/Kolkata")):
        table = batch([b"", b""], ingest_time=pa.array([later, None], kind))
        assert ingest_times(table, CLOCK).to_pylist() == [later, CLOCK]
    assert ingest_times(batch([b""]), CLOCK).to_pylist() == [CLOCK]


def test_a_column_is_one_array_however_many_chunks_it_has():
    for chunks in ([], [[1, 2]], [[1], [], [2]]):
        column = pa.chunked_array([pa.array(chunk, pa.int64()) for chunk in chunks], pa.int64())
        assert one_array(column).to_pylist() == [number for chunk in chunks for number in chunk]


def test_half_precision_is_judged_as_the_number_it_is_and_kept_as_it_came():
    kind = pa.struct([("h", pa.float16()), ("b", pa.int64())])
    records = pa.array(
        [{"h": np.float16(0.5), "b": 1}, {"h": np.float16(1.5), "b": 2}, {"h": None, "b": 3}, None], kind
    )
    for table in (typed(records), typed(records).slice(1)):
        judged = judge("fields: {h: {type: double, min: 1}}", table)
        assert judged.accepted["h"].to_pylist() == [1.5, None]
        assert judged.quarantined["record"].type == kind
    assert judge("fields: {b: {type: integer}}", typed(records)).accepted["b"].to_pylist() == [1, 2, 3]
