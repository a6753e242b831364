"""What is too large, too deep, too many or nothing at all gets a verdict like anything else."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from stillwell.kernel import Format
from tests.fuzz import cases
from tests.fuzz.cases import Case
from tests.fuzz.raw import LINES, SCALARS, judges
from tests.kernel.records import batch

MILLION = 1_000_000
DEEP = 1_000

MANY = "ten thousand members"
PAYLOADS: dict[str, bytes | None] = {
    "a text of 1 MB": b'{"s": "' + b"x" * MILLION + b'"}',
    "a text of 1 MB of emoji": b'{"s": "' + "😀".encode() * (MILLION // 4) + b'"}',
    "a number of 50,000 digits": b'{"d": ' + b"9" * 50_000 + b"}",
    "a number of 1 MB in a text": b'{"m": "' + b"9" * MILLION + b'"}',
    "an integer of thousands of digits": b'{"n": 1' + b"0" * 5000 + b"}",
    "a fraction of thousands of digits": b'{"d": 0.' + b"1" * 5000 + b"}",
    "an exponent of a hundred digits": b'{"d": 1e' + b"9" * 100 + b"}",
    "a small exponent of a hundred digits": b'{"d": 1e-' + b"9" * 100 + b"}",
    "1 MB of blanks": b" " * MILLION + b"{}",
    "1 MB of zero bytes": b"\x00" * MILLION,
    "1 MB that is no text": b"\xff" * MILLION,
    "a thousand objects in one another": b'{"t": ' * DEEP + b"1" + b"}" * DEEP,
    "a thousand arrays in one another": b'{"d": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "arrays that never close": b'{"d": ' + b"[" * 5000,
    "objects that never close": b'{"n": ' * 5000,
    "a thousand members": b"{" + b", ".join(b'"x%d": %d' % (number, number) for number in range(1000)) + b"}",
    MANY: b"{" + b", ".join(b'"x%d": %d' % (number, number) for number in range(10_000)) + b"}",
    "ten thousand times one member": b"{" + b", ".join(b'"n": %d' % number for number in range(10_000)) + b"}",
    "ten thousand elements": b'{"d": [' + b", ".join(b"%d" % number for number in range(10_000)) + b"]}",
    "a thousand objects in an array": b'{"m": [' + b", ".join(b'{"n": %d}' % number for number in range(1000)) + b"]}",
    "a name of 1 MB": b'{"' + b"x" * MILLION + b'": 1}',
    "surrogates alone": b'{"s": "\\ud800"}',
    "surrogates in the wrong order": b'{"s": "\\udc00\\ud800"}',
    "a surrogate as bytes": b'{"s": "\xed\xa0\x80"}',
    "a surrogate as a name": b'{"\\ud800": 1, "n": 1}',
    "NUL as a text": b'{"s": "\\u0000", "n": "\\u00001"}',
    "NUL in a name": b'{"n\\u0000": 1, "n": 2}',
    "NUL as a byte": b'{"s": "\x00"}',
    "overlong bytes": b'{"s": "\xc0\xaf"}',
    "a byte order mark": b'\xef\xbb\xbf{"n": 1}',
    "another byte order mark": b"\xff\xfe{\x00}\x00",
    "digits that are not ASCII": '{"n": "٣", "d": "１２", "m": "१", "y": "２０２４-01-01"}'.encode(),
    "a minus that is not ASCII": '{"n": "−5", "t": "2024-01-01T00:00:00−01:00"}'.encode(),
    "nothing": b"",
    "null": None,
    "cells without end": b"," * 100_000,
    "quotes without end": b'"' * 100_001,
}


@pytest.fixture
def deep():
    """The reference reads by recursion, and integers of any length."""
    limit, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    sys.setrecursionlimit(50_000)
    sys.set_int_max_str_digits(0)
    yield
    sys.setrecursionlimit(limit)
    sys.set_int_max_str_digits(digits)


@pytest.mark.parametrize("judge", judges(), ids=lambda one: one.name)
def test_extremes_are_judged_as_the_reference_judges(deep, judge):
    # Looking for what nobody declared takes the square of the number of members.
    names = [name for name in PAYLOADS if name != MANY or judge.contract.other_fields == "ignore"]
    wrong = {names[one.place]: str(one)[-400:] for one in judge.differences([PAYLOADS[name] for name in names])}
    assert not wrong


def judged(table: pa.Table, form: Format = Format()) -> list[str]:
    case = Case("extreme", SCALARS, form, table)
    said = cases.judged(case)
    return [*cases.problems(case, said), *map(str, cases.differences(case, said))]


def test_an_empty_batch_and_empty_chunks_lose_nothing():
    table = batch([b'{"n": 1}', None, b"x"])
    assert not judged(table.slice(0, 0))
    assert not judged(pa.concat_tables([table.slice(0, 0), table.slice(0, 1), table.slice(1, 0), table.slice(1, 2)]))
    assert not judged(
        pa.table({name: pa.chunked_array([], table.schema.field(name).type) for name in table.column_names})
    )


def test_slices_that_begin_inside_a_byte_of_a_bitmap_lose_nothing():
    payloads = [None if place % 3 == 0 else b'{"n": %d, "s": "%d"}' % (place, place) for place in range(100)]
    table = batch(payloads, key=pa.array([b"k" if place % 5 else None for place in range(100)], pa.binary()))
    for start in (1, 8, 63, 99):
        assert not judged(table.slice(start, 30)), start
        assert not judged(table.slice(start, 30), LINES), start


def test_large_binaries_of_many_partitions_lose_nothing():
    payloads = [
        None if place % 9 == 0 else b"\xff" if place % 7 == 0 else b'{"n": %d}' % place for place in range(5000)
    ]
    table = batch(
        payloads,
        payload=pa.array(payloads, pa.large_binary()),
        partition=pa.array([place * 7919 % 1000 for place in range(5000)], pa.int32()),
        offset=pa.array([2**62 + place for place in range(5000)], pa.int64()),
    )
    assert not judged(table)


def test_ten_thousand_columns_of_a_line_are_judged():
    header = ["n", "d", "s", "t", *(f"x{number}" for number in range(9_996))]
    form = Format("csv", {"header": header, "delimiter": ",", "quote": '"'})
    rows = [b",".join([b"7"] * 10_000), b",".join([b'"7"'] * 10_000), b",".join([b"7"] * 9_999)]
    assert not judged(batch(rows), form)
