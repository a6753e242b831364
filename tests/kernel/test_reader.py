"""What the compiled reader reads is what the full way would; what it cannot be sure of, it leaves."""

from __future__ import annotations

import ctypes
import datetime as dt
import json
import math
import mmap
import struct

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillwell.kernel.base import Format
from stillwell.kernel.program import compile_program
from stillwell.kernel.reader import reader
from tests.kernel.odd import fixed
from tests.kernel.records import contract

FIELDS = (
    "fields: {s: {type: string}, d: {type: double}, n: {type: integer}, b: {type: boolean}, "
    "t: {type: timestamp}, a: {type: date}, p: {type: decimal, precision: 18, scale: 6}}"
)
NO = "not read"


def read(payloads, rest=FIELDS, kind=None):
    """What each payload is read as: a dict without what is null, or NO."""
    chunks = [pa.array(payloads[:3], kind or pa.binary()), pa.array(payloads[3:], kind or pa.binary())]
    made = reader(contract(rest))
    assert made is not None
    records, done = made.read(pa.chunked_array(chunks))
    records.validate(full=True)
    found = (record if fine else NO for record, fine in zip(records.to_pylist(), done, strict=True))
    return [one if one == NO else {key: value for key, value in one.items() if value is not None} for one in found]


def value(text, field, rest=FIELDS):
    """What one JSON text is read as in a field; NO where the record is not read."""
    [found] = read([f'{{"{field}":{text}}}'.encode()], rest)
    return found if found == NO else found.get(field)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_members_come_in_any_order_and_others_are_passed_over(kind):
    found = read(
        [
            b'{"s":"x","d":1.5,"n":3,"b":true,"t":"2024-06-01T12:00:00Z","a":"2024-06-01","p":1.25}',
            b' { "b" : false ,\t"s":\n"y"\r} ',
            b"{}",
            b'{"other":{"deep":[1,-2.5e3,"\\u00e9\\n",null,{"x":[]},true]},"n":-7,"s":null}',
            b"",
            None,
            b'{"n":9}',
        ],
        kind=kind,
    )
    moment = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
    assert found == [
        {"s": "x", "d": 1.5, "n": 3, "b": True, "t": moment, "a": moment.date(), "p": "1.25"},
        {"b": False, "s": "y"},
        {},
        {"n": -7},
        NO,
        NO,
        {"n": 9},
    ]


GOOD = b'{"s":"a\\u00e9\\\\ \xc3\xa9 long enough","d":-1.25e-3,"n":12,"b":true,"t":"2024-06-01T12:00:00.5+02:00","a":"2024-06-01","o":[null,{"x":1}]}'


@pytest.fixture(scope="module")
def at_the_edge():
    """Places a payload so that the byte after it cannot be read at all."""
    page = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address + page), page, 0) == 0

    def placed(payload):
        ctypes.memmove(address + page - len(payload), payload, len(payload))
        data = pa.foreign_buffer(address + page - len(payload), len(payload), pages)
        return pa.Array.from_buffers(pa.binary(), 1, [None, pa.py_buffer(struct.pack("ii", 0, len(payload))), data])

    yield placed
    libc.mprotect(ctypes.c_void_p(address + page), page, mmap.PROT_READ | mmap.PROT_WRITE)


@fixed
@given(st.data())
def test_no_byte_beyond_a_payload_is_touched(at_the_edge, data):
    cut = data.draw(st.integers(0, len(GOOD)))
    payload = bytearray(GOOD[:cut])
    for _ in range(data.draw(st.integers(0, 2)) if payload else 0):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.sampled_from(b'"\\\xc3\xf0-.e{[,:u0t '))
    made = reader(contract(FIELDS))
    _, done = made.read(pa.chunked_array([at_the_edge(bytes(payload))]))
    whole = made.read(pa.chunked_array([pa.array([bytes(payload)])]))[1]
    assert done.tolist() == whole.tolist()


def test_every_beginning_of_a_payload_is_left(at_the_edge):
    made = reader(contract(FIELDS))
    read = [made.read(pa.chunked_array([at_the_edge(GOOD[:cut])]))[1][0] for cut in range(len(GOOD) + 1)]
    assert read == [False] * len(GOOD) + [True]


def test_a_slice_of_payloads_is_read_as_they_are():
    payloads = pa.array([b"x", b'{"s":"a"}', b"y", b'{"s":"bc"}', b'{"s":"d"}'])
    records, done = reader(contract(FIELDS)).read(pa.chunked_array([payloads.slice(1, 3)]))
    assert [one["s"] for one in records.to_pylist()] == ["a", None, "bc"]
    assert done.tolist() == [True, False, True]


@pytest.mark.parametrize(
    "payload",
    [
        b"[]", b"1", b"{", b"}", b'{"s"', b'{"s":', b'{"s":"x"', b'{"s":"x",', b'{"s":"x",}', b'{"s":"x"} x', b'{"s":"x"}}',
        b'{"s":"x","s":"y"}', b'{"\\u0073":"x"}', b'{s:"x"}', b"{'s':'x'}", b'\xef\xbb\xbf{"s":"x"}', b'{"s":"\xff"}',
        b'{"\xff":1}', b'{"s":"\x01"}', b'{"s":"\\x"}', b'{"s":"\\ud800"}', b'{"s":"\\udc00\\ud800"}', b'{"s":"\\u0000"}',
        b'{"s":"\\u12"}', b'{"s":1}', b'{"s":true}', b'{"s":[]}', b'{"s":{}}', b'{"o":nul}', b'{"o":[1,]}', b'{"o":{"x"}}',
        b'{"o":' + b"[" * 100 + b"]" * 100 + b"}", b'{"o":"\\q"}', b'{"o":1e}', b'{"o":+1}', b'{"o":NaN}', b'{"n":"x"}',
        b'{"n":1.0}', b'{"n":true}', b'{"b":"true"}', b'{"b":1}', b'{"t":5}', b'{"a":"2024-06-01T00:00:00Z"}', b'{"d":"\\u0031"}',
        b'{"s"\xc2\xa0:"x"}', b'{"s":"x"}\x00', b"\x00", b"{" * 500, b'{"s":"' + b"\\" * 7,
    ],
)  # fmt: skip
def test_what_is_odd_is_left(payload):
    assert read([payload, b'{"s":"good"}', payload]) == [NO, {"s": "good"}, NO]


@fixed
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", "f", "e", "g"]))
@example(0.1 + 0.2, "r")
@example(9007199254740993.0, "f")
def test_a_double_is_the_nearest_to_what_is_written(number, form):
    text = repr(number) if form == "r" else format(number, form)
    found = value(text, "d")
    assert found == NO or struct.pack("d", found) == struct.pack("d", float(text))


@fixed
@given(st.integers(1, 10**19 - 1), st.integers(0, 19), st.integers(-30, 30))
@example(9007199254740993, 1, 0)
@example(9999999999999999999, 19, 0)
@example(1, 19, 0)
def test_the_digits_of_a_double_may_be_cut_anywhere(digits, places, exponent):
    text = f"{digits:020}"
    text = (text[:-places].lstrip("0") or "0") + "." + text[-places:] if places else text.lstrip("0")
    text += f"e{exponent}" if exponent else ""
    found = value(text, "d")
    assert found == NO or found == float(text)


def test_the_doubles_that_programs_write_are_read():
    assert [value(text, "d") for text in ("0.1", "13.840000000000001", "-273.15", "5", "1e3", "2.5E-3", '"7.5"')] == [
        0.1, 13.840000000000001, -273.15, 5.0, 1000.0, 0.0025, 7.5,
    ]  # fmt: skip
    assert [value(text, "d") for text in ("01", "1.", ".5", "-", "1e999", "-0", "-0.0", '"1_0"', '""')] == [NO] * 9


@fixed
@given(st.integers(-(2**70), 2**70))
def test_an_integer_is_read_exactly_or_not_at_all(number):
    found = value(str(number), "n")
    assert found == (NO if abs(number) >= 10**18 else number)


@fixed
@given(st.text())
@example("😀\u2028\x7f")
def test_a_text_is_what_json_says(text):
    as_bytes = text.encode("utf-8", "surrogatepass")
    for payload in (
        json.dumps({"s": text}).encode(),
        json.dumps({"s": text}, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    ):
        [found] = read([payload])
        clean = "\0" not in text and as_bytes.decode("utf-8", "ignore") == text
        assert found == ({"s": text} if clean else NO)


@fixed
@given(st.lists(st.binary(min_size=0, max_size=6), min_size=1, max_size=5))
@example([b"\xed\xa0\x80"])
@example([b"\xf4\x90\x80\x80"])
@example([b"\xc0\x80"])
def test_bytes_are_read_where_they_are_utf_8(parts):
    for part in parts:
        if any(one < 0x20 or one in b'"\\' for one in part):
            continue
        try:
            expected = {"s": part.decode()}
        except UnicodeDecodeError:
            expected = NO
        assert read([b'{"s":"' + part + b'"}']) == [expected]


@fixed
@given(
    st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31)),
    st.sampled_from([0, 3, 6]),
    st.integers(-14 * 60, 14 * 60),
    st.booleans(),
)
def test_an_instant_is_read_to_the_microsecond(moment, places, offset, utc):
    fraction = f".{moment.microsecond:06}"[: places + 1] if places else ""
    micros = int(f"{moment.microsecond:06}"[:places].ljust(6, "0")) if places else 0
    zone = "Z" if utc else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    text = f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}{zone}"
    expected = moment.replace(microsecond=micros, tzinfo=dt.UTC)
    if not utc:
        expected -= dt.timedelta(minutes=offset)
    assert value(f'"{text}"', "t") == expected


@pytest.mark.parametrize(
    "text",
    ["2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-06-01T24:00:00Z", "2024-06-01T12:00:60Z", "2024-06-01T12:00Z",
     "2024-06-01", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-06-00T00:00:00Z", "0000-01-01T00:00:00Z",
     "2024-06-01T12:00:00.Z", "2024-06-01T12:00:00.1234567Z", "2024-06-01T12:00:00+15:00", "2024-06-01T12:00:00+02",
     "2024-06-01T12:00:00 Z", "2024-06-01t12:00:00Z", "2024-06-01T12:00:00z", "2024/06/01T12:00:00Z", "x" * 19, ""],
)  # fmt: skip
def test_an_instant_written_otherwise_is_left(text):
    assert value(f'"{text}"', "t") == NO


def test_an_instant_without_offset_is_read_where_it_is_utc():
    moment = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
    assert value('"2024-06-01 12:00:00"', "t") == moment
    for rest in (
        "fields: {t: {type: timestamp, zone: Europe/Oslo}}",
        "parsing: strict\nfields: {t: {type: timestamp}}",
    ):
        assert value('"2024-06-01T12:00:00"', "t", rest) == NO
        assert value('"2024-06-01T12:00:00Z"', "t", rest) == moment


@fixed
@given(st.dates(dt.date(2, 1, 1), dt.date(9998, 12, 31)))
def test_a_date_is_read(day):
    assert value(f'"{day.isoformat()}"', "a") == day


def test_what_is_parsed_later_is_kept_as_it_was_written():
    assert [value(text, "p") for text in ("12.5", '"12.50"', "-3", "0.25", "123456789012345")] == [
        "12.5", "12.50", "-3", "0.25", "123456789012345",
    ]  # fmt: skip
    # DuckDB writes these in another way, and the full way reads what it writes.
    assert [value(text, "p") for text in ("12.50", "1e3", "0.00001", "1234567890123456", "-0", "true")] == [NO] * 6


def test_strict_parsing_wants_each_value_of_its_kind_and_nothing_that_nobody_declared():
    rest = "parsing: strict\nfields: {d: {type: double}, s: {type: string}}"
    assert read([b'{"d":1.5,"s":"x"}', b'{"d":"1.5"}', b'{"d":1,"o":2}'], rest) == [{"d": 1.5, "s": "x"}, NO, NO]


@pytest.mark.parametrize(
    "rest",
    [
        "fields: {x: {type: double, from: [d, x]}}",
        "fields: {x: {type: double, from: d.v}}",
        "fields: {x: {type: double, from: s}, y: {type: string, from: s}}",
        "fields: {x: {type: array, items: {type: integer}}}",
        "parsing: strict\nfields: {x: {type: timestamp, format: epoch_s}}",
        "fields: {k: {type: string, from: $key}}",
        "fields: {" + ", ".join(f"f{i}: {{type: string}}" for i in range(65)) + "}",
    ],
)
def test_contracts_that_need_more_have_no_reader(rest):
    assert reader(contract(rest)) is None
    assert compile_program(contract(rest), Format()).read is None


def test_keys_may_be_of_any_letters():
    rest = "fields: {x: {type: integer, from: 'größe in m²'}}"
    assert read(['{"größe in m²": 3}'.encode()], rest) == [{"größe in m²": 3}]
    assert math.isclose(value("2", "größe in m²", rest), 2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"x é"', '"x é"'),
        ('"a\\n"', None),
        ("null", "null"),
        ("true", "true"),
        ("-1.5", "-1.5"),
        ("1.50", None),
        ("1e3", None),
        ("[1]", None),
        ('{"a": 1}', None),
    ],
)
def test_values_are_told_as_they_are_written_where_that_is_the_shortest_way(text, shown):
    payloads = [f'{{"d": {text}, "more": 1}}'.encode(), b'{"s": "x"}']
    records, done = reader(contract(FIELDS)).as_written().read(pa.chunked_array([pa.array(payloads)]))
    assert done.tolist() == [True, True]
    assert records.field("d").to_pylist() == [shown, None]
    assert records.field("s").to_pylist() == [None, '"x"']
