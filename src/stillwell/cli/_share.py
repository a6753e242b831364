"""Takes a limited number of records from all partitions of a source alike, whichever of them comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.base import Chunk, Parted
from stillwell.delivery.slice import Position

Read = Callable[[int], Chunk | None]


def shares(source: Parted, limit: int, read: Read) -> Iterator[pa.Table]:
    """`limit` records, or all there are: as many of each partition, and more of some where others have fewer.

    `read` reads a chunk of the source, of about so many records.
    """
    source.seek({})
    at, left = dict.fromkeys(source.left, Position()), limit
    while left and at:
        taking = _Share(at, max(1, left // len(at)))
        while left and taking.open(source):
            chunk = read(min(left, _MOST))
            for rows in taking.of(chunk) if chunk is not None else ():
                yield rows.slice(0, left)
                left -= min(left, len(rows))
            if chunk is not None and taking.crowded(chunk):
                source.seek_only({one: at[one] for one in taking.wanted})
        at = {one: end for one, end in at.items() if one in taking.cut or one in source.left}
        if left and at:
            source.seek_only(at)


_MOST = 10_000


class _Share:
    """So many records of each partition; `at` is moved behind those that were taken.

    `wanted` are those of which more are to be taken, `cut` those of which more came than that.
    """

    def __init__(self, at: dict[int, Position], share: int) -> None:
        self._at = at
        self._missing = dict.fromkeys(at, share)
        self.wanted = set(at)
        self.cut: set[int] = set()

    def open(self, source: Parted) -> bool:
        """Whether more is to come of some partition of which more is wanted."""
        return any(one in self.wanted for one in source.left)

    def of(self, chunk: Chunk) -> Iterator[pa.Table]:
        """The records of a chunk that belong to the share."""
        for one, end in chunk.ends.items():
            rows = chunk.table.filter(pc.equal(chunk.table["partition"], one))
            if one in self.cut or one not in self._at:
                continue
            taken = rows.slice(0, self._missing[one])
            self._at[one] = end
            if len(taken) < len(rows):
                self.cut.add(one)
                self._at[one] = Position(rows["offset"][len(taken)].as_py())
            self._missing[one] -= len(taken)
            if not self._missing[one]:
                self.wanted.discard(one)
            if len(taken):
                yield taken

    def crowded(self, chunk: Chunk) -> bool:
        """Whether a chunk brought nothing of what is wanted, so that the others are in the way."""
        return bool(self.wanted) and bool(len(chunk.table)) and not self.wanted & chunk.ends.keys()
