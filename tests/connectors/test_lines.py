"""Cutting bytes into records gives what reading them one by one gives, wherever a block ends."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.connectors._lines import Quoting, cut, header_metadata, line_ends, split
from stillwell.errors import ConnectorError
from stillwell.kernel.base import COLUMNS

ODD = st.lists(st.sampled_from([b'"', b",", b"\n", b"\r\n", b"\r", b"a", b'""', b'"\n', b',"', b'",'])).map(b"".join)
CELLS = st.text(st.sampled_from('a,"\n é'), max_size=5)


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\xff", b"\x00"])).map(b"".join))
def test_split_and_cut_agree_with_reading_line_by_line(block):
    lines = io.BytesIO(block).readlines()
    expected = [line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line for line in lines]
    ends = line_ends(block)
    if block and not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    assert cut(block, ends).to_pylist() == expected
    assert split(block, len(block)).to_pylist() == expected


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_text_is_cut_as_csv_reads_it(rows, terminator):
    text = io.StringIO()
    csv.writer(text, lineterminator=terminator).writerows(rows)
    block = text.getvalue().encode()
    records = cut(block, Quoting().record_ends(block, final=True)).to_pylist()
    assert [next(csv.reader(io.StringIO(one.decode(), newline=""))) for one in records] == rows


@given(ODD, st.integers(1, 12))
def test_where_a_block_ends_does_not_matter(content, size):
    def ends(step):
        place, found = 0, []
        while place < len(content):
            width = step
            while True:
                block = content[place : place + width]
                final = place + width >= len(content)
                here = Quoting().record_ends(block, final)
                if final and len(block) > (here[-1] if len(here) else 0):
                    here = np.append(here, len(block))
                if len(here) or final:
                    break
                width *= 2
            found += [place + int(end) for end in here]
            place = found[-1]
        return found

    assert ends(size) == ends(10_000)
    assert not content or ends(size)[-1] == len(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'a,5" pipe\nb,c\n', [b'a,5" pipe', b"b,c"]),
        (b'a,"open\nb,c\nd,e\n', [b'a,"open', b"b,c", b"d,e"]),
        (b'a,"b"x\n"c\nd"\n', [b'a,"b"x', b'"c\nd"']),
    ],
)
def test_a_stray_quote_spoils_its_own_line_alone(content, expected):
    assert cut(content, Quoting().record_ends(content, final=True)).to_pylist() == expected


def test_without_a_quote_every_line_is_a_record():
    assert len(Quoting(quote="").record_ends(b'"a\nb"\n', final=True)) == 2


def test_a_long_delimiter_is_not_mistaken_for_its_last_character():
    content = b'a||"x\ny"\nb|"c\nd\n'
    assert cut(content, Quoting("||").record_ends(content, final=True)).to_pylist() == [b'a||"x\ny"', b'b|"c', b"d"]


def test_lines_that_end_in_carriage_returns_alone_are_told_of():
    with pytest.raises(ConnectorError, match="carriage returns alone"):
        header_metadata(b"a,b\r1,2\r", Quoting())
    assert json.loads(header_metadata(b'"a\rb",c\r\n', Quoting())[COLUMNS]) == ["a\rb", "c"]
