"""Cuts a block of bytes into records, all at once: lines, or delimited text whose quotes may hold newlines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import COLUMNS

_NEWLINE, _RETURN = 10, 13
_LONGEST_QUOTED = 1 << 20

Places = npt.NDArray[np.int64]


def line_ends(block: bytes) -> Places:
    """The place after each newline of the block."""
    return np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE) + 1


def whole_lines(block: bytes) -> int:
    """How many bytes of the block are terminated lines."""
    return block.rfind(b"\n") + 1


def split(block: bytes, stop: int) -> pa.BinaryArray:
    """The lines of a block up to `stop`, without newline or carriage return and newline; the last may lack its own."""
    if not stop:
        return pa.array([], pa.binary())
    # A search for two bytes of which one stands in every line is slow; most files have not the other.
    returns = b"\r" in block and b"\r\n" in block
    if block[stop - 1] == _NEWLINE:
        stop -= 1 + (block[stop - 2 : stop] == b"\r\n")
    # Arrow splits one long value, which is the block itself: nothing is copied but once.
    bounds = pa.py_buffer(np.array([0, stop], np.int32))
    one = pa.Array.from_buffers(pa.binary(), 1, [None, bounds, pa.py_buffer(block)])
    if returns:
        return pc.split_pattern_regex(one, pattern="\r?\n").flatten()
    return pc.split_pattern(one, pattern="\n").flatten()


def cut(block: bytes, ends: Places) -> pa.BinaryArray:
    """The records of a block that end at these places, without their terminators."""
    starts = np.concatenate([[0], ends])[: len(ends)]
    data = np.frombuffer(block, np.uint8)
    stops = ends - (data[ends - 1] == _NEWLINE)
    stops = stops - ((stops > starts) & (stops < ends) & (data[np.maximum(stops, 1) - 1] == _RETURN))
    bounds = zip(starts.tolist(), stops.tolist(), strict=True)
    return pa.array([block[start:stop] for start, stop in bounds], pa.binary())


@dataclass(frozen=True)
class Quoting:
    """How delimited text marks fields that may hold newlines.

    A record is a well-formed one of RFC 4180 where one begins, of at most 1 MiB, and else the line: so a stray quote
    spoils its own line and not the file after it.
    """

    delimiter: str = ","
    quote: str = '"'

    @staticmethod
    def told(options: Mapping[str, Any]) -> Quoting:
        """As the options of the format say."""
        return Quoting(str(options.get("delimiter", ",")), str(options.get("quote", '"')))

    def record_ends(self, block: bytes, final: bool) -> Places:
        """The place after each record of the block; `final` says that nothing follows it."""
        quote = self.quote.encode()
        if not quote or quote not in block:
            return line_ends(block)
        ends = self._by_parity(block, final)
        return ends if ends is not None else self._one_by_one(block, final)

    def _by_parity(self, block: bytes, final: bool) -> Places | None:
        """Newlines after an even number of quotes; None where that is not what `_one_by_one` would find."""
        if len(self.delimiter.encode()) > 1 or len(self.quote.encode()) > 1:
            return None
        data = np.frombuffer(block, np.uint8)
        quotes = np.flatnonzero(data == ord(self.quote))
        if len(quotes) % 2:
            if final:
                return None
            # The last field is not all there: what is before it can be told.
            data, quotes = data[: quotes[-1]], quotes[:-1]
        if not self._well_placed(data, quotes[0::2], quotes[1::2]):
            return None
        newlines = np.flatnonzero(data == _NEWLINE)
        ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] + 1
        # Of the last bytes of all, what is left is a record too.
        bounds = np.append(ends, len(block)) if final else ends
        short = len(bounds) and np.diff(bounds, prepend=0).max() <= _LONGEST_QUOTED
        return ends if short else None

    def _well_placed(self, data: npt.NDArray[np.uint8], opening: Places, closing: Places) -> bool:
        """Whether quotes open where a field begins, close where one ends, or are doubled."""
        delimiter, quote = ord(self.delimiter), ord(self.quote)
        before = data[opening[opening > 0] - 1]
        closing = closing[closing < len(data) - 1]
        after = data[closing + 1]
        returns = closing[(after == _RETURN) & (closing < len(data) - 2)]
        return bool(
            np.isin(before, [delimiter, _NEWLINE, quote]).all()
            and np.isin(after, [delimiter, _NEWLINE, _RETURN, quote]).all()
            and (data[returns + 2] == _NEWLINE).all()
        )

    def _one_by_one(self, block: bytes, final: bool) -> Places:
        whole, last, begun = self._patterns
        ends: list[int] = []
        place = 0
        while place < len(block):
            if found := whole.match(block, place, place + _LONGEST_QUOTED):
                place = found.end()
            elif final and len(block) - place <= _LONGEST_QUOTED and last.match(block, place):
                place = len(block)
            elif not final and len(block) - place < _LONGEST_QUOTED and begun.match(block, place):
                break
            elif newline := block.find(b"\n", place) + 1:
                place = newline
            else:
                break
            ends.append(place)
        return np.array(ends, np.int64)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
        """A whole record, one that lacks its newline, and the beginning of what may become one with more bytes."""
        quote, delimiter = re.escape(self.quote.encode()), re.escape(self.delimiter.encode())
        inside = b"%b(?:[^%b]|%b%b)*+" % (quote, quote, quote, quote)
        bare = b"(?!%b)(?:(?!%b)[^\\n])*+" % (quote, delimiter)
        fields = b"(?:(?:%b%b|%b)%b)*+" % (inside, quote, bare, delimiter)
        end = b"(?:%b%b|%b)\\r?" % (inside, quote, bare)
        begun = b"(?:%b%b?\\r?|%b)\\Z" % (inside, quote, bare)
        return re.compile(fields + end + b"\\n"), re.compile(fields + end + b"\\Z"), re.compile(fields + begun)


def header_metadata(line: bytes, quoting: Quoting) -> Mapping[bytes, bytes]:
    """The column names that a header line gives, as the kernel wants to be told."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if "\r" in text and (not quoting.quote or quoting.quote not in text):
        raise fail(
            ConnectorError,
            "line-ends",
            "The lines of this file end in carriage returns alone.",
            "Let them end in newlines: tr '\\r' '\\n' < FILE.",
        )
    if len(quoting.delimiter) != 1:
        names = text.split(quoting.delimiter)
    elif quoting.quote:
        names = next(csv.reader([text], delimiter=quoting.delimiter, quotechar=quoting.quote), [])
    else:
        names = next(csv.reader([text], delimiter=quoting.delimiter, quoting=csv.QUOTE_NONE), [])
    return {COLUMNS: json.dumps(names).encode()}
