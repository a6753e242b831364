"""Chooses by what a person marked: what explains wrong cells is asked for, what accuses right ones is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.clauses import clauses
from stillwell.suggest.column import Column, Mask, Sample
from stillwell.suggest.model import Labels
from stillwell.suggest.reading import of_type

_PRICE = 3
"""How many wrong cells a clause must find for each right cell that it accuses."""


@dataclass(frozen=True)
class Marks:
    """The rows of a sample whose cell in one column a person marked: as wrong, or, by not doing so, as right."""

    wrong: Mask
    right: Mask

    def gain(self, fails: Mask) -> int:
        """How many wrong cells are found, less the price of the right ones that are accused."""
        return int((fails & self.wrong).sum()) - _PRICE * int((fails & self.right).sum())

    def told(self, fails: Mask) -> str:
        """What the marks say of a clause, for its evidence."""
        wrong, right = int((fails & self.wrong).sum()), int((fails & self.right).sum())
        return f" It finds {wrong} of {int(self.wrong.sum())} cells marked wrong, and {right} right ones."


def marks(sample: Sample, column: str, labels: Labels) -> Marks:
    """The marks of one column, by row of the sample."""
    wrong = np.isin(sample.places, [row for row, name in labels.wrong if name == column])
    looked = np.isin(sample.places, sorted(labels.rows))
    return Marks(wrong, looked & ~wrong)


def chosen_reading(column: Column, readings: Sequence[Reading], marked: Marks, right: Sequence[str]) -> Reading:
    """The reading that finds most wrong cells and spares right ones; the likeliest of equal ones.

    `right` are texts that a person wrote in place of wrong ones: they must be of the type.
    """
    if not marked.wrong.any() or len(readings) == 1:
        return readings[0]

    def gain(one: Reading) -> int:
        fails = _any(
            [clause for clause in clauses(column, one) if clause.suggested and _holds(clause, marked)], one.fails
        )
        strange = int((~of_type(one, right)).sum()) if right else 0
        return marked.gain(fails | one.fails) - _PRICE * strange

    return max(readings, key=gain)


def chosen_clauses(
    found: Iterable[Clause], fails: Mask, marked: Marks, more: Callable[[Mask], Iterable[Clause]]
) -> list[Clause]:
    """The suggested clauses that the marks do not speak against, and what explains the wrong cells that are left.

    `fails` are the rows that are not of the type. First those clauses are tried that were found and not suggested,
    then what `more` finds in the wrong cells that are left.
    """
    found = list(found)
    kept = [one for one in found if one.suggested and _holds(one, marked)]
    fails = fails | _any(kept, fails)
    spare = [one for one in found if not one.suggested]
    for candidates in (lambda _: spare, more):
        while (left := marked.wrong & ~fails).any():
            best = _best(candidates(left), left, marked)
            if best is None:
                break
            kept.append(replace(best, says=best.says + marked.told(best.fails)))
            fails = fails | best.fails
    return kept


def _any(clauses: Sequence[Clause], fails: Mask) -> Mask:
    return np.logical_or.reduce([one.fails for one in clauses]) if clauses else fails


def _holds(one: Clause, marked: Marks) -> bool:
    accused = int((one.fails & marked.right).sum())
    return accused == 0 or int((one.fails & marked.wrong).sum()) >= _PRICE * accused


def _best(candidates: Iterable[Clause], left: Mask, marked: Marks) -> Clause | None:
    """The candidate that explains most of the cells that are left; of equal ones the plainest, then the narrowest.

    One cell alone must not condemn a large part of a column.
    """
    rows = len(left)
    scored = []
    for place, one in enumerate(candidates):
        new = int((one.fails & left).sum())
        if new and marked.gain(one.fails) > 0 and (new > 1 or one.fails.sum() <= 0.25 * rows):
            gain = new - _PRICE * int((one.fails & marked.right).sum())
            scored.append((-gain, one.rank, int(one.fails.sum()), place, one))
    best = min(scored, default=None, key=lambda entry: entry[:4])
    return best[-1] if best is not None and best[0] < 0 else None
