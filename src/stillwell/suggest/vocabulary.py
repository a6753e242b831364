"""The words of a column: whether they are a closed set, and which rare ones are misspellings of frequent ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.suggest.column import Column
from stillwell.suggest.parsed import query

MOST_VALUES = 100
"""A longer list of allowed values is not read by anybody."""

UNSEEN = 0.02
"""The chance up to which the next value may be a new one, for the set to count as closed."""

_COMPARED = 3_000
_RATIO = 5
_LEAST = 4
_DIGITS = re.compile(r"[0-9]")
_WORD = re.compile(r"[^\s/-]+")


@dataclass(frozen=True)
class Vocabulary:
    """Which distinct values are misspelt (`typos`, with `meant` the place of the value meant, else -1).

    `doubted` values are misspelt too, as other columns say. `unseen` is the chance that the next value is a new one
    (I. J. Good, 1953: the share of the values seen once), misspelt ones left out.
    """

    typos: npt.NDArray[np.bool_]
    meant: npt.NDArray[np.int64]
    doubted: npt.NDArray[np.bool_]
    unseen: float

    def closed(self, column: Column) -> bool:
        """Whether the correct values make a set that is short and complete."""
        right = ~(self.typos | self.doubted)
        good, often = int(right.sum()), column.counts[right].sum()
        return 0 < good <= MOST_VALUES and self.unseen <= UNSEEN and often >= 5 * good and column.present >= 30


def vocabulary(column: Column, doubted: npt.NDArray[np.bool_], ratio: int = _RATIO) -> Vocabulary:
    """Compare rare values with frequent ones: a typo has few characters changed, and what is meant is much commoner.

    Digits changed for other digits make another code and no typo; upper and lower case are no typo either.
    """
    meant = np.full(len(column.values), -1, np.int64)
    for place, target in _close(column, ratio):
        if meant[place] < 0 and not doubted[target] and _misspelt(column.values[place], column.values[target]):
            meant[place] = target
    typos = meant >= 0
    right = ~(typos | doubted)
    once, total = int(((column.counts == 1) & right).sum()), int(column.counts[right].sum())
    return Vocabulary(typos, meant, doubted, once / total if total else 1.0)


def _close(column: Column, ratio: int) -> list[tuple[int, int]]:
    """Pairs (rare value, frequent value) that are close, the closest first."""
    frequent = np.flatnonzero(column.counts >= max(_LEAST, ratio))[:_COMPARED]
    if not len(frequent) or len(column.values) > 20 * _COMPARED:
        return []
    table = pa.table(
        {
            "place": np.arange(len(column.values)),
            "value": pa.array(column.values, pa.string()),
            "count": pa.array(column.counts),
        }
    )
    # Lengths first: they cost nothing. A quarter of the characters may be changed, fewer lost or added; one always may.
    sql = f"""
        SELECT rare.place AS rare, often.place AS often FROM words AS rare JOIN words AS often
        ON often.count >= {max(_LEAST, ratio)} AND often.count >= {ratio} * rare.count AND often.place < {_COMPARED}
        AND abs(length(rare.value) - length(often.value)) <= greatest(1, length(often.value) // 8)
        WHERE length(rare.value) >= 3 AND length(often.value) <= 500
        AND levenshtein(rare.value, often.value) <= greatest(1, length(often.value)
            // CASE WHEN length(rare.value) = length(often.value) THEN 4 ELSE 8 END)
        ORDER BY rare.place, levenshtein(rare.value, often.value), often.place"""
    found = query(sql, words=table)
    return list(zip(found["rare"].to_pylist(), found["often"].to_pylist(), strict=True))


def _misspelt(rare: str, often: str) -> bool:
    if rare.casefold() == often.casefold() or _DIGITS.sub("", rare) == _DIGITS.sub("", often):
        return False
    return len(rare) != len(often) or all(_changed(rare, often, word) for word in _WORD.finditer(often))


def _changed(rare: str, often: str, word: re.Match[str]) -> bool:
    """Whether a word is still the same word: half of it at most may differ, else another word stands there."""
    begin, end = word.span()
    differing = sum(one != other for one, other in zip(rare[begin:end], often[begin:end], strict=True))
    return differing <= max(1, (end - begin) // 2)
