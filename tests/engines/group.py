"""A group in memory: members share the partitions of one source, as a broker would deal them out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pyarrow as pa

from stillwell.connectors.base import Chunk, Source
from stillwell.delivery.slice import Position


class Group:
    """Deals partitions out anew whenever a member comes or goes, once all have let go of theirs."""

    def __init__(self, partitions: int, make: Callable[[], Source]) -> None:
        self.partitions = partitions
        self.make = make
        self.lock = threading.RLock()
        self.members: list[Member] = []
        self.generation = 0

    def change(self, member: Member, *, comes: bool) -> None:
        with self.lock:
            if comes:
                self.members.append(member)
            elif member in self.members:
                self.members.remove(member)
            self.generation += 1

    def dealt(self, member: Member) -> frozenset[int] | None:
        """What a member may take now; None while another still has what was dealt to it before."""
        with self.lock:
            if member not in self.members or any(one.partitions and one.stale for one in self.members):
                return None
            at, count = self.members.index(member), len(self.members)
            return frozenset(range(at, self.partitions, count))


class Member:
    """A source that is one member of a group; `expel` makes it lose its partitions without being asked."""

    replayable = True

    def __init__(self, group: Group) -> None:
        self._group = group
        self._inner = group.make()
        self._generation = -1
        self._sought = False
        self._lost = False
        self.awake = threading.Event()
        self.awake.set()
        self.partitions: frozenset[int] = frozenset()
        self.term = 0
        self.told: dict[int, Position] = {}
        self.idled = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    @property
    def stale(self) -> bool:
        return self._generation != self._group.generation

    @property
    def finished(self) -> bool:
        return False

    def join(self, let_go: Callable[[bool], None]) -> None:
        self._let_go = let_go
        self._group.change(self, comes=True)

    def expel(self) -> None:
        """As if it had not been heard of for too long: others take over at once, and it hears of that later."""
        self._group.change(self, comes=False)
        self._lost = True

    def seek(self, positions: Mapping[int, Position]) -> None:
        assert set(positions) <= self.partitions
        self._inner.seek(positions)
        self._sought = True

    def idle(self) -> None:
        self.idled += 1
        if self.stale or self._lost:
            self._move()

    def committed(self, ends: Mapping[int, Position]) -> None:
        self.told |= ends

    def read(self, records: int) -> Chunk | None:
        self.awake.wait(60)
        if self.stale or self._lost:
            self._move()
            return None
        if not self._sought:
            return None
        chunk = self._inner.read(min(records, 10))
        if chunk is None:
            return None
        tables = [chunk.table.filter(pa.compute.equal(chunk.table["partition"], one)) for one in self.partitions]
        ends = {one: end for one, end in chunk.ends.items() if one in self.partitions}
        return Chunk(pa.concat_tables(tables), ends) if tables else None

    def _move(self) -> None:
        lost, self._lost = self._lost, False
        if self.partitions or lost:
            self._let_go(lost)
            self.partitions, self._sought = frozenset(), False
        if lost:
            self._group.change(self, comes=True)
        with self._group.lock:
            generation, dealt = self._group.generation, self._group.dealt(self)
        if dealt is not None:
            self._generation, self.partitions, self._sought = generation, dealt, False
            self.term += 1

    def close(self) -> None:
        self._group.change(self, comes=False)
        self._inner.close()
