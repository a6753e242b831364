"""What may set the wrong texts of a column apart from the right ones: marks, shapes, parts, numbers in them, values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.column import Column, Mask, shown
from stillwell.suggest.ranges import written
from stillwell.suggest.reading import numbers
from stillwell.suggest.shapes import LONGEST, escaped, of_shape, shape
from stillwell.suggest.sql import name, text

_NUMBER = re.compile(r"[0-9]+")


def features(column: Column, reading: Reading, wrong: Mask, right: Mask) -> Iterator[Clause]:
    """What is true of some values marked wrong, as rules that forbid it; masks are by row, `right` for marked ones.

    None of it is suggested by itself; `rank` puts first what is most often the reason.
    """
    if reading.type == "string" and not column.opaque:
        bad = sorted(set(column.codes[wrong & ~column.absent].tolist()))
        values = [column.values[code] for code in bad]
        yield from _signs(column, values)
        yield from _shapes(column, values)
        yield from _ends(column, values)
        yield from _inner(column, wrong, right)
        yield from _values(column, values)
    elif reading.type in ("integer", "double", "decimal"):
        number = numbers(column, reading)
        yield from _limited(column, "limit", name(column.field), number, "The number", wrong, right, 5)


def _clause(column: Column, suffix: str, expect: str, fails: Mask, what: str, rank: int) -> Clause:
    says = f"{what}: {int(fails.sum()):,} values are like that."
    keys = {"expect": expect}
    return Clause("rule", f"{column.field}_{suffix}", keys, fails, says, 0.7, suggested=False, rank=rank)


def _forbidding(column: Column, suffix: str, expression: str, bad: Iterable[bool], what: str, rank: int) -> Clause:
    fails = column.on_rows(np.fromiter(bad, bool, len(column.values)))
    return _clause(column, suffix, f"not {expression}", fails, what, rank)


def _signs(column: Column, values: list[str]) -> Iterator[Clause]:
    """A mark that wrong values hold, and anything beyond ASCII."""
    field = name(column.field)
    if any(not value.isascii() for value in values):
        found = f"regexp_matches({field}, '[^ -~\\s]')"
        bad = (not value.isascii() for value in column.values)
        yield _forbidding(column, "ascii", found, bad, "Values marked wrong hold signs beyond ASCII", 1)
    for sign in sorted({char for value in values for char in value if char.isascii() and not char.isalnum()} - {" "}):
        found = f"contains({field}, {text(sign)})"
        bad = (sign in value for value in column.values)
        yield _forbidding(column, "sign", found, bad, f"Values marked wrong hold {shown(sign)}", 2)
    for kind, what in (("[0-9]", "digits"), ("[A-Z]", "capitals"), ("[a-z]", "small letters"), (" ", "blanks")):
        if any(re.search(kind, value) for value in values):
            bad = (re.search(kind, value) is not None for value in column.values)
            found = f"regexp_matches({field}, {text(kind)})"
            yield _forbidding(column, what.split()[-1], found, bad, f"Values marked wrong hold {what}", 3)


def _shapes(column: Column, values: list[str]) -> Iterator[Clause]:
    for one in sorted({shape(value) for value in values if value and len(value) <= LONGEST}):
        if len(one) <= 12 and all(map(str.isprintable, one)):
            found = f"regexp_full_match({name(column.field)}, {text(of_shape(one))})"
            bad = (len(value) <= LONGEST and shape(value) == one for value in column.values)
            yield _forbidding(column, "shape", found, bad, "Values marked wrong have this shape", 4)


def _ends(column: Column, values: list[str]) -> Iterator[Clause]:
    """The last or first word by its characters, as in `Denver CO`."""
    for words in (0, -1):
        for one in sorted({_word(value, words) for value in values} - {""}):
            found = one + " .*" if words == 0 else ".* " + one
            pattern = re.compile(found)
            bad = (pattern.fullmatch(value) is not None for value in column.values)
            expression = f"regexp_full_match({name(column.field)}, {text(found)})"
            what = f"Values marked wrong {'begin' if words == 0 else 'end'} like this"
            yield _forbidding(column, "beginning" if words == 0 else "ending", expression, bad, what, 4)


def _word(value: str, place: int) -> str:
    """The first or last of several words as a regular expression: letters and digits by kind and number."""
    parts = value.split(" ")
    if len(parts) < 2:
        return ""
    kinds = (("[A-Z]", r"[A-Z]+"), ("[a-z]", r"[a-z]+"), ("[0-9]", r"[0-9]+"))
    for kind, run in kinds:
        if re.fullmatch(run, parts[place]):
            return f"{kind}{{{len(parts[place])}}}"
    return escaped(parts[place]) if parts[place].isascii() and parts[place].isprintable() else ""


def _inner(column: Column, wrong: Mask, right: Mask) -> Iterator[Clause]:
    """A number inside of texts, and their length, above or below those of right values."""
    found = [_NUMBER.findall(value) if len(value) <= LONGEST else [] for value in column.values]
    marked = {code for code in column.codes[wrong | right].tolist() if code >= 0}
    most = max((len(found[code]) for code in marked), default=0)
    field = name(column.field)
    for place in range(min(most, 4)):
        number = np.array([float(one[place]) if len(one) > place and len(one[place]) < 16 else np.nan for one in found])
        part = f"try_cast(regexp_extract({field}, '^([^0-9]*[0-9]+){{{place}}}[^0-9]*([0-9]+)', 2) as bigint)"
        which = ("first", "second", "third", "fourth")[place]
        yield from _limited(column, "part", part, number, f"The {which} number", wrong, right, 5)
    length = np.array([float(len(value)) for value in column.values])
    yield from _limited(column, "length", f"length({field})", length, "The length", wrong, right, 6)


def _limited(
    column: Column,
    suffix: str,
    part: str,
    number: npt.NDArray[np.float64],
    what: str,
    wrong: Mask,
    right: Mask,
    rank: int,
) -> Iterator[Clause]:
    for low, high, fails in _stumps(column, number, wrong, right):
        expect = f"{part} >= {written(low)}" if low is not None else f"{part} <= {written(high or 0.0)}"
        side = "below" if low is not None else "above"
        told = f"{what} in values marked wrong lies {side} that of those marked right"
        yield _clause(column, suffix, expect, fails, told, rank)


def _stumps(
    column: Column, number: npt.NDArray[np.float64], wrong: Mask, right: Mask
) -> Iterator[tuple[float | None, float | None, Mask]]:
    """The limit between marked values, on either side, that tells most of them apart: least, most, who breaks it."""
    whole = np.append(number, np.nan)[column.codes]
    bad, good = whole[wrong & ~np.isnan(whole)], whole[right & ~np.isnan(whole)]
    if len(bad) < 3 or len(good) < 2:
        return
    edges = np.unique(np.concatenate([bad, good]))
    middles = (edges[1:] + edges[:-1]) / 2
    for sign in (1, -1):
        scored = [
            (int((sign * bad > sign * edge).sum()) - 3 * int((sign * good > sign * edge).sum())) for edge in middles
        ]
        if not scored or max(scored) < 3:
            continue
        edge = float(middles[int(np.argmax(scored))])
        # Between whole numbers a limit is one too.
        edge = (np.floor(edge) if sign > 0 else np.ceil(edge)) if (edges == np.round(edges)).all() else edge
        fails = np.nan_to_num(sign * whole, nan=-np.inf) > sign * edge
        yield (None, float(edge), fails) if sign > 0 else (float(edge), None, fails)


def _values(column: Column, values: list[str]) -> Iterator[Clause]:
    """A wrong value that comes again."""
    for value in values:
        if column.counts[column.values.index(value)] >= 3:
            found = f"({name(column.field)} = {text(value)})"
            bad = (other == value for other in column.values)
            yield _forbidding(column, "value", found, bad, f"{shown(value)} is marked wrong", 3)
