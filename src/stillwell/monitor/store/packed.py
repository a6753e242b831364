"""A cell of a tally as two small blobs, and many of them as one tally again, without a loop over their numbers.

The *shape* says which rules and fields there are. The first blob is a row of 64-bit numbers, the same many for all
cells of a shape; the second holds histograms and registers, which differ in length. Both are compressed.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stillwell.kernel.sketch import Floats, Ints, Moments, Sparse
from stillwell.kernel.tally import COUNTS, Cell, FieldTally, RuleTally, Tally

Blobs: TypeAlias = tuple[bytes, bytes]

_LEVEL = 1
_RULE = ("failed", "repaired", "not_evaluated")
_MOMENTS = ("mean", "squares", "min", "max")
_HAS = ("moments", "histogram", "registers")


@dataclass(frozen=True)
class Shape:
    """The names of the rules, and of each field its name, which summaries it has, and by which family it is hashed."""

    rules: tuple[str, ...]
    fields: tuple[tuple[str, tuple[bool, ...], str], ...]

    @staticmethod
    def of(tally: Tally) -> Shape:
        """The shape of a tally."""
        fields = (
            (name, tuple(getattr(one, has) is not None for has in _HAS), one.hashed_by)
            for name, one in tally.fields.items()
        )
        return Shape(tuple(tally.rules), tuple(fields))

    @property
    def width(self) -> int:
        """Numbers in the first blob."""
        return len(COUNTS) + 1 + 3 * len(self.rules) + sum(2 + 5 * has[0] for _, has, _ in self.fields)

    def to_json(self) -> str:
        """The form in which a store keeps it."""
        return json.dumps([self.rules, self.fields], separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Shape:
        """What `to_json` wrote."""
        rules, fields = json.loads(text)
        return Shape(tuple(rules), tuple((name, tuple(has), hashed_by) for name, has, hashed_by in fields))


def packed(tally: Tally) -> list[Blobs]:
    """Both blobs of each cell, in order."""
    rows = np.stack([column.view(np.int64) for column in _columns(tally)], axis=1)
    sparse = [one for field in tally.fields.values() for one in (field.histogram, field.registers) if one is not None]
    ends = [np.searchsorted(one.cell, np.arange(len(tally.cells) + 1)) for one in sparse]
    return [
        (zlib.compress(rows[cell].tobytes(), _LEVEL), zlib.compress(_entries(cell, sparse, ends), _LEVEL))
        for cell in range(len(tally.cells))
    ]


def _columns(tally: Tally) -> Iterator[Ints | Floats]:
    yield from (tally.counts[name] for name in COUNTS)
    yield tally.ingested
    for rule in tally.rules.values():
        yield from (getattr(rule, name) for name in _RULE)
    for field in tally.fields.values():
        yield from (field.null, field.invalid)
        if field.moments is not None:
            yield field.moments.count
            yield from (getattr(field.moments, name) for name in _MOMENTS)


def _entries(cell: int, sparse: Sequence[Sparse], ends: Sequence[Ints]) -> bytes:
    """How many entries each has, then keys and values of each."""
    sizes = np.array([end[cell + 1] - end[cell] for end in ends], np.int64)
    parts = [
        column[end[cell] : end[cell + 1]]
        for one, end in zip(sparse, ends, strict=True)
        for column in (one.key, one.value)
    ]
    return np.concatenate([sizes, *parts]).tobytes()


def unpacked(
    shape: Shape, cells: tuple[Cell, ...], blobs: Sequence[Blobs], window: dt.timedelta, group: tuple[str, ...]
) -> Tally:
    """The tally of these cells, whose blobs have this shape; a blob that is empty has no histograms and registers."""
    joined = b"".join(zlib.decompress(first) for first, _ in blobs)
    rows = np.frombuffer(joined, np.int64).reshape(len(cells), shape.width)
    take = iter(np.ascontiguousarray(rows.T))
    counts = {name: next(take) for name in COUNTS}
    ingested = next(take)
    rules = {rule: RuleTally(*(next(take) for _ in _RULE)) for rule in shape.rules}
    sparse = iter(_sparse(shape, blobs))
    fields = {}
    for name, (moments, histogram, registers), hashed_by in shape.fields:
        null, invalid = next(take), next(take)
        summary = Moments(next(take), *(next(take).view(np.float64) for _ in _MOMENTS)) if moments else None
        fields[name] = FieldTally(
            null, invalid, summary, next(sparse) if histogram else None, next(sparse) if registers else None, hashed_by
        )
    return Tally(window, group, cells, counts, ingested, rules, fields)


def _sparse(shape: Shape, blobs: Sequence[Blobs]) -> list[Sparse]:
    """Histograms and registers of all fields, in order."""
    count = sum(has[1] + has[2] for _, has, _ in shape.fields)
    full = np.array([cell for cell, (_, second) in enumerate(blobs) if second], np.int64)
    parts = [np.frombuffer(zlib.decompress(blobs[cell][1]), np.int64) for cell in full.tolist()]
    if not parts or not count:
        none = np.zeros(0, np.int64)
        return [Sparse(none, none, none)] * count
    numbers = np.concatenate(parts)
    begins = _begins(np.array([len(part) for part in parts], np.int64))
    sizes = numbers[begins[:, None] + np.arange(count)]
    found, begins = [], begins + count
    for size in sizes.T:
        cells = np.repeat(np.arange(len(full)), size)
        keys = begins[cells] + np.arange(len(cells)) - _begins(size)[cells]
        found.append(Sparse(full[cells], numbers[keys], numbers[keys + size[cells]]))
        begins = begins + 2 * size
    return found


def _begins(lengths: Ints) -> Ints:
    """Where each of several pieces begins that lie one after another."""
    begins: Ints = np.cumsum(lengths) - lengths
    return begins
