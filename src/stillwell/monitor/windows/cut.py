"""How windows are cut: how fine tallies must be for them, and a tally of cells made into one of windows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stillwell.contract.model import Contract, Window
from stillwell.kernel.sketch import Ints
from stillwell.kernel.tally import Tally

MICRO = dt.timedelta(microseconds=1)
MINUTE = 60_000_000

Group = tuple[str | None, ...]


@dataclass(frozen=True)
class Cut:
    """One kind of windows in microseconds: a new one `every` so often, of this `size`, waiting so long for the late."""

    every: int
    size: int
    late: int

    @staticmethod
    def of(window: Window) -> Cut:
        """The cut of a window of a contract that has `every`."""
        assert window.every is not None
        return Cut(window.every // MICRO, (window.size or window.every) // MICRO, window.late // MICRO)

    def ending(self, after: int, until: int) -> Ints:
        """The starts of windows that end after one time, and until another (included)."""
        first = math.floor((after - self.size) / self.every) + 1
        last = math.floor((until - self.size) / self.every)
        return np.arange(first, last + 1, dtype=np.int64) * self.every

    def around(self, cell: int) -> Ints:
        """The starts of windows that a cell which begins there lies in."""
        last = cell // self.every
        first = (cell - self.size) // self.every + 1
        return np.arange(first, last + 1, dtype=np.int64) * self.every


def grain(contract: Contract) -> dt.timedelta:
    """The length of the tally's cells: a minute, or what of it all windows are multiples of."""
    found = MINUTE
    for window in contract.windows:
        for length in (window.every, window.size):
            if length:
                found = math.gcd(found, length // MICRO)
    return found * MICRO


def grouped_by(contract: Contract) -> tuple[str, ...]:
    """The fields by which the tally is kept apart: all that windows name, in the order of the contract's fields."""
    named = {field for window in contract.windows for field in window.by}
    return tuple(field.name for field in contract.fields if field.name in named)


def cut(tally: Tally | None, empty: Tally, one: Cut, starts: Sequence[int], by: tuple[str, ...],
        groups: Sequence[Group]) -> Tally:  # fmt: skip
    """The tally of windows: cell `i * len(groups) + j` is that of the window `starts[i]` and of `groups[j]`.

    Windows may overlap, and then a record counts in each. `empty` gives what rules and fields there are where nothing
    was counted at all.
    """
    cells = tuple((start, group) for start in starts for group in groups)
    nowhere = len(cells)
    length = one.size * MICRO
    whole = empty if tally is None else tally
    row = {start: at for at, start in enumerate(starts)}
    column = {group: at for at, group in enumerate(groups)}
    places = _places(whole, one, row, column, [whole.group.index(field) for field in by], nowhere)
    return whole.moved(places, (*cells, (0, ())), length, by).first(nowhere)


def _places(
    tally: Tally, one: Cut, row: Mapping[int, int], column: Mapping[Group, int], chosen: Sequence[int], nowhere: int
) -> list[Ints]:
    """For each window that a cell may lie in where it goes, one array for each; `nowhere` if it is not asked for."""
    most = -(-one.size // one.every)
    places = [np.full(len(tally.cells), nowhere, np.int64) for _ in range(most)]
    for index, (start, group) in enumerate(tally.cells):
        at = column.get(tuple(group[place] for place in chosen))
        if at is None:
            continue
        for number, begin in enumerate(one.around(start).tolist()):
            if begin in row:
                places[number][index] = row[begin] * len(column) + at
    return places
