"""Shapes of texts (runs of digits, of letters, single marks), and the patterns that describe a column of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stillwell.suggest.column import Column

Shape: TypeAlias = tuple[str, ...]
"""What follows what: `9` digits, `A` capitals, `a` small letters, `ü` letters beyond ASCII, any other sign itself."""

LONGEST = 60
"""Characters up to which a text has a shape that says something."""

FEWEST = 10
"""Values below which nothing is said of their shape."""

KEPT = 0.05
"""The share from which a shape belongs to a column."""

COVERED = 0.93
"""The share that such shapes must have together to make a pattern."""

_CLASSES = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]", "ü": r"\pL"}


@dataclass(frozen=True)
class Pattern:
    """A regular expression and the distinct values of a column (true) that it matches."""

    text: str
    fits: npt.NDArray[np.bool_]
    share: float


def runs(text: str) -> list[tuple[str, str]]:
    """The runs of a text: class and characters; each mark is a run of its own, equal marks together."""
    return [(key, "".join(chars)) for key, chars in groupby(text, _class)]


def shape(text: str) -> Shape:
    """The shape of a text."""
    return tuple(key for key, _ in groupby(text, _class))


def _class(char: str) -> str:
    if char.isascii():
        return "9" if char.isdigit() else "A" if char.isupper() else "a" if char.islower() else char
    return "ü" if char.isalpha() else char


def pattern(column: Column) -> Pattern | None:
    """The pattern of a column whose values have few shapes, with digits or marks in them, or one short length."""
    if column.present < FEWEST:
        return None
    shapes = [shape(value) if len(value) <= LONGEST else () for value in column.values]
    weight = Counter[Shape]()
    for one, count in zip(shapes, column.counts, strict=True):
        weight[one] += int(count)
    kept = [one for one, count in weight.most_common(6) if one and count >= KEPT * column.present]
    if sum(weight[one] for one in kept) < COVERED * column.present or not all(_told(one) for one in kept):
        return None
    texts = []
    for one in kept:
        members = [place for place, other in enumerate(shapes) if other == one]
        texts.append(_text([column.values[place] for place in members], column.counts[members]))
    whole = "|".join(texts)
    fits = np.array([re.fullmatch(_python(whole), value) is not None for value in column.values])
    share = column.share(fits)
    if share < COVERED or not _says_something(kept, texts):
        return None
    return Pattern(whole, fits, share)


def _told(one: Shape) -> bool:
    """Whether a shape can be read by people, and written in a pattern."""
    return len(one) <= 12 and all(map(str.isprintable, one))


def _says_something(kept: list[Shape], texts: list[str]) -> bool:
    """Words alone have no shape worth asking for, unless all are of one short length."""
    marked = all(any(part == "9" or not (part in _CLASSES or part in " '") for part in one) for one in kept)
    return marked or (len(texts) == 1 and re.fullmatch(r"\[[aA]-[zZ]\](\{[2-4]\})?", texts[0]) is not None)


def _python(text: str) -> str:
    return text.replace(r"\pL", r"[^\W\d_]")


def _text(values: Sequence[str], counts: npt.NDArray[np.int64]) -> str:
    """The regular expression of values of one shape: constant parts as they are, the others by class and length."""
    cut = [runs(value) for value in values]
    return "".join(_part(key, [one[place][1] for one in cut], counts) for place, (key, _) in enumerate(cut[0]))


def _part(key: str, found: list[str], counts: npt.NDArray[np.int64]) -> str:
    if key not in _CLASSES:
        lengths = {len(one) for one in found}
        return escaped(key) + _times(dict.fromkeys(lengths, 1))
    spelled, lengths_of = Counter[str](), Counter[int]()
    for one, count in zip(found, counts, strict=True):
        spelled[one] += int(count)
        lengths_of[len(one)] += int(count)
    (word, often), *others = spelled.most_common(2)
    total = int(counts.sum())
    if key != "9" and often >= 0.95 * total >= 19 and all(count < 0.01 * total for _, count in others):
        return escaped(word)
    return _CLASSES[key] + _times(lengths_of)


def _times(lengths: dict[int, int]) -> str:
    """How often: exactly where nearly all agree, between limits where few lengths occur, else once or more."""
    total = sum(lengths.values())
    length, often = max(lengths.items(), key=lambda item: item[1])
    if often >= 0.97 * total:
        return "" if length == 1 else f"{{{length}}}"
    usual = [length for length, count in lengths.items() if count >= 0.005 * total]
    if max(usual) - min(usual) <= 3 and max(usual) <= 20:
        return f"{{{min(usual)},{max(usual)}}}"
    return "+"


def escaped(text: str) -> str:
    """A text as a regular expression that matches it alone."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def of_shape(one: Shape) -> str:
    """The regular expression of a shape, whatever the lengths."""
    return "".join(_CLASSES[part] + "+" if part in _CLASSES else escaped(part) + "+" for part in one)
