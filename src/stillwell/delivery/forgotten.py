"""What a sink has let go of by itself: rows that are missing because they were old, and not because they were lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

ANY = 2**63 - 1
"""Above every offset."""


@dataclass(frozen=True)
class Forgotten:
    """Up to `most` rows are gone, the oldest of each part of the sink that forgot some.

    `firsts` says for each such part which offset is the first that is left, by `via` (null for what came straight) and
    source partition. A part holds the rows of each in the order of their offsets.
    """

    most: int = 0
    firsts: tuple[Mapping[tuple[str | None, int], int], ...] = ()

    def below(self, partition: int, via: str | None = None) -> int:
        """The offset below which rows of a source partition may be gone; 0 when none can be."""
        return max((first.get((via, partition), ANY) for first in self.firsts), default=0)


NOTHING = Forgotten()
"""What a sink has forgotten that forgets nothing."""


@runtime_checkable
class Forgetful(Protocol):
    """What a sink also has whose rows go after a time."""

    def forgotten(self) -> Forgotten:
        """What is gone by now; asked after the rows were read."""
        ...
