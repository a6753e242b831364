"""In which order files were read: what several growing files held at one instant cannot be seen later.

A line says from which offset on the records came from which file and place; reading the same offsets again follows it.
"""

from __future__ import annotations

import bisect
import json
from dataclasses import dataclass
from pathlib import Path

from stillwell.delivery.durable import replace, writing

_MOST = 20_000


@dataclass(frozen=True, order=True)
class Turn:
    """From `offset` on the records are those of the file of that identity, from `place` on."""

    offset: int
    path: str
    identity: tuple[int, int, str]
    place: int


class Journal:
    """Appended to by whoever reads first; kept in the pipeline's state, the newest 20,000 turns at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turns: list[Turn] = []
        self._size = 0
        self._load()
        if len(self._turns) > _MOST:
            with writing(path):
                replace(path, b"".join(_line(turn) for turn in self._turns[-_MOST // 2 :]))
            self._load()

    def at(self, offset: int) -> Turn | None:
        """The turn that begins at `offset`."""
        place = bisect.bisect_left(self._turns, offset, key=lambda turn: turn.offset)
        found = self._turns[place : place + 1]
        return found[0] if found and found[0].offset == offset else None

    def after(self, offset: int) -> int | None:
        """The offset of the first turn beyond `offset`."""
        place = bisect.bisect_right(self._turns, offset, key=lambda turn: turn.offset)
        return self._turns[place].offset if place < len(self._turns) else None

    def claim(self, turn: Turn) -> Turn:
        """Write down a turn, unless one was written for its offset: that one holds then."""
        self._load()
        if (held := self.at(turn.offset)) is not None:
            return held
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                # A killed writer may have left half a line.
                file.write(b"\n" + _line(turn))
        self._load()
        return self.at(turn.offset) or turn

    def _load(self) -> None:
        """Read what was added, by whomever."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < self._size:
            self._turns, self._size = [], 0
        if size == self._size:
            return
        with self._path.open("rb") as file:
            file.seek(self._size)
            added = file.read(size - self._size)
        for turn in map(_turn, added.splitlines()):
            # Of two that claimed one offset at the same moment, the first in the file holds.
            if turn is not None and self.at(turn.offset) is None:
                bisect.insort(self._turns, turn)
        self._size = size


def _line(turn: Turn) -> bytes:
    return json.dumps([turn.offset, turn.path, turn.identity, turn.place]).encode() + b"\n"


def _turn(line: bytes) -> Turn | None:
    try:
        offset, path, identity, place = json.loads(line)
    except ValueError:
        return None
    return Turn(offset, path, (identity[0], identity[1], identity[2]), place)
