"""Which windows are due after an epoch: those that became final, those that wait for the late, those that got more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from stillwell.monitor.windows.cut import Cut

State: TypeAlias = Literal["final", "provisional", "late"]

MOST = 1_000
"""Of windows that became final in one step without a record near them so many are judged, the first and the last."""


@dataclass(frozen=True)
class Due:
    """Starts of windows in order, and of each why it is due."""

    starts: tuple[int, ...]
    states: tuple[State, ...]

    def near(self, most: int) -> Iterator[Due]:
        """Parts of it in which no two neighbours begin further than that from each other."""
        begin = 0
        for at in range(1, len(self.starts) + 1):
            if at == len(self.starts) or self.starts[at] - self.starts[at - 1] > most:
                yield Due(self.starts[begin:at], self.states[begin:at])
                begin = at

    def all_provisional(self) -> Due:
        """The same, but nothing is final."""
        waiting: State = "provisional"
        return replace(self, states=tuple(waiting for _ in self.starts))


def due(one: Cut, cells: Sequence[int], before: int, after: int, first: int, kept: int) -> Due:
    """The windows that are due when the watermark goes from `before` to `after` by records in cells that begin there.

    A window is provisional once the watermark has passed its end, final once it has passed the lateness too; a final
    one that gets a record is due again, if it begins at `kept` or later. Nothing before `first` is judged.
    """
    touched = {start for cell in set(cells) for start in one.around(cell).tolist()}
    found: dict[int, State] = {}
    for start in touched:
        if start + one.size + one.late <= before:
            if start >= kept:
                found[start] = "late"
        elif start + one.size <= after < start + one.size + one.late:
            found[start] = "provisional"
    final = one.ending(before - one.late, after - one.late).tolist()
    if len(final) > MOST:
        ends = set(final[: MOST // 2]) | set(final[-MOST // 2 :])
        final = [start for start in final if start in touched or start in ends]
    found |= dict.fromkeys(final, "final")
    for start in one.ending(max(before, after - one.late), after).tolist()[-MOST:]:
        found.setdefault(start, "provisional")
    judged = sorted(start for start in found if start >= first)
    return Due(tuple(judged), tuple(found[start] for start in judged))
