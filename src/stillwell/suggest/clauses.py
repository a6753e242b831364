"""What could be asked of one column by itself: required, format, pattern, allowed values, range, undamaged text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from stillwell.kernel.formats import PATTERNS
from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.column import Column, Mask, counted, shown
from stillwell.suggest.parsed import parsed
from stillwell.suggest.ranges import FEWEST, Numbers, limits, written
from stillwell.suggest.reading import numbers
from stillwell.suggest.shapes import pattern
from stillwell.suggest.sql import name, one_of, text
from stillwell.suggest.vocabulary import Vocabulary, vocabulary
from stillwell.suggest.yaml import listed, scalar

MISSED = 0.001
"""The share of rows without a value up to which a field is suggested to be required."""

_FORMATS = {
    "uuid": "", "email": "", "ipv4": "", "ipv6": "", "uri": "", "iso-country": "country|nation",
    "iso-currency": "currency|curr", "card-number": "card|pan", "hostname": "host|domain",
}  # fmt: skip
"""Named formats in the order in which they are tried; where words stand, the column's name must hold one of them."""

_SENSITIVE = {"email", "card-number"}
_IDENTIFIER = re.compile(r"(?i)(^|_)(id|key|no|nr|number|code|index|zip|postcode)$|[a-z]I[dD]$")
_DAMAGED = "[�\x80-\x9f]"


def clauses(column: Column, reading: Reading, doubted: Mask | None = None) -> Iterator[Clause]:
    """What could be asked of a column under a reading; `doubted` are values that other columns speak against."""
    yield from _required(column)
    if reading.type == "string" and column.values and not column.opaque:
        yield from _text(column, np.zeros(len(column.values), bool) if doubted is None else doubted)
    elif reading.type in ("integer", "double", "decimal"):
        yield from _range(column, reading)
    elif reading.type in ("timestamp", "date"):
        yield from _times(column, reading)


def _required(column: Column) -> Iterator[Clause]:
    missed, rows = column.rows - column.present, column.rows
    if not rows or missed > rows / 2:
        return
    says = f"{column.present:,} of {rows:,} rows have a value." if missed else f"All {rows:,} rows have a value."
    trust = (column.present + 1) / (rows + 2)
    suggested = missed <= MISSED * rows
    yield Clause("required", f"{column.field}.required", {"required": "true"}, column.absent, says, trust, suggested)


def _text(column: Column, doubted: Mask) -> Iterator[Clause]:
    named = next(_formats(column), None)
    if named:
        yield named
    yield from _damage(column)
    found = None if named else pattern(column)
    if found:
        bad = ~found.fits
        says = _most(column, bad, "have this shape")
        trust = found.share * (1 - 1 / (column.present + 1))
        keys = {"pattern": scalar(found.text)}
        yield Clause("pattern", f"{column.field}.pattern", keys, column.on_rows(bad), says, trust)
    if not named and not (found and re.fullmatch(r"\[0-9\]\S*", found.text)):
        yield from _allowed(column, doubted)


def _most(column: Column, bad: Mask, what: str, *, show: bool = True) -> str:
    """What most values are, and which are not; without examples where values are nobody else's business."""
    if not bad.any():
        return f"All {column.present:,} values {what}."
    fits = f"{column.share(~bad):.1%} of {column.present:,} values {what}"
    return fits + (f"; not so {column.examples(bad)}." if show else ".")


def _formats(column: Column) -> Iterator[Clause]:
    for form, words in _FORMATS.items():
        if words and not re.search(words, column.name.lower()):
            continue
        good = np.array([re.fullmatch(PATTERNS[form], value, re.ASCII) is not None for value in column.values])
        if (share := column.share(good)) >= 0.9:
            keys = {"format": form} | ({"sensitive": "mask"} if form in _SENSITIVE else {})
            says = _most(column, ~good, "are written like this", show=form not in _SENSITIVE)
            yield Clause("format", f"{column.field}.format", keys, column.on_rows(~good), says, share)


def _damage(column: Column) -> Iterator[Clause]:
    """Signs that a text was decoded wrongly: replacement characters, C1 controls, marks that belong to no letter."""
    damaged = np.array([re.search(_DAMAGED, value) is not None for value in column.values])
    loose = np.array([_loose_marks(value) for value in column.values])
    if not (damaged | loose).any() or column.share(damaged | loose) > 0.3:
        return
    marks = np.array([any(unicodedata.category(char) == "Mn" for char in value) for value in column.values])
    # Marks of their own are right in many scripts; here they come only with damage.
    signs, bad = (
        (r"[�\x80-\x9f\p{Mn}]", damaged | marks) if loose.sum() > 0.9 * marks.sum() else (r"[�\x80-\x9f]", damaged)
    )
    expect = f"not regexp_matches({name(column.field)}, {text(signs)})"
    says = f"{int(column.counts[bad].sum()):,} of {column.present:,} values hold signs of a text decoded wrongly."
    yield Clause("rule", f"{column.field}_undamaged", {"expect": expect}, column.on_rows(bad), says, 0.95, rank=1)


def _loose_marks(value: str) -> bool:
    """Whether a mark stands behind an ASCII (or replacement) character with which it makes no letter."""
    if value.isascii():
        return False
    composed = unicodedata.normalize("NFC", value)
    pairs = pairwise(" " + composed)
    return any((before.isascii() or before == "�") and unicodedata.category(char) == "Mn" for before, char in pairs)


def _allowed(column: Column, doubted: Mask) -> Iterator[Clause]:
    """The allowed values of a closed set, misspelt ones left out; where the set is open, the misspelt ones only."""
    words = vocabulary(column, doubted)
    bad = words.typos | doubted
    wrong, often = np.flatnonzero(bad), int(column.counts[bad].sum())
    told = [_meant(column, place, words) for place in wrong[:2]]
    if words.closed(column):
        good = [value for value, typo in zip(column.values, bad, strict=True) if not typo]
        says = (
            f"{counted(len(good), 'value')} in {column.present:,} rows; the chance of a new one is {words.unseen:.1%}"
        )
        says += f"; {counted(often, 'row')} with another look misspelt, {', '.join(told)}." if told else "."
        trust = (1 - words.unseen) * (0.95 if told else 1.0)
        keys = {"allowed": listed(good, "    ")}
        yield Clause("allowed", f"{column.field}.allowed", keys, column.on_rows(bad), says, trust, rank=2)
    elif 0 < words.typos.sum() <= 100:
        says = f"{counted(often, 'row')} look misspelt, {', '.join(told)}."
        keys = {"expect": f"not ({one_of(column.field, (text(column.values[place]) for place in wrong))})"}
        yield Clause("rule", f"{column.field}_spelling", keys, column.on_rows(bad), says, 0.4, suggested=False, rank=5)


def _meant(column: Column, place: int, words: Vocabulary) -> str:
    target = words.meant[place]
    return shown(column.values[place]) + (f" for {shown(column.values[target])}" if target >= 0 else "")


def _range(column: Column, reading: Reading) -> Iterator[Clause]:
    number = numbers(column, reading)
    whole = reading.type == "integer"
    order = np.argsort(number)
    order = order[np.isfinite(number[order])]
    known = np.repeat(number[order], column.counts[order])
    if len(known) < FEWEST or (len(order) > 0.95 * column.present and whole) or _IDENTIFIER.search(column.name):
        return
    low, high = limits(known, whole=whole)
    if low is None or high is None:
        return
    rising = _rises(number[column.codes[~column.absent]])
    edges = {"min": low} | ({} if rising else {"max": high})
    keys = {key: written(edge) for key, edge in edges.items() if _holds(reading, edge)}
    bad = (number < low) & ("min" in keys) | (number > high) & ("max" in keys)
    if not keys:
        return
    says = f"Half lie in {_short(np.quantile(known, 0.25))} … {_short(np.quantile(known, 0.75))}, all in"
    says += f" {_short(known[0])} … {_short(known[-1])}"
    says += ", rising from row to row" if rising else ""
    says += f"; far out: {int(column.counts[bad].sum()):,}." if bad.any() else "."
    yield Clause("range", f"{column.field}.range", keys, column.on_rows(bad), says, 0.9 if bad.any() else 0.8)


def _holds(reading: Reading, edge: float) -> bool:
    """Whether a limit is a value of the type, so that a contract can hold it."""
    if reading.type == "decimal":
        precision, scale = int(reading.keys["precision"]), int(reading.keys["scale"])
        return abs(edge) < 10.0 ** (precision - scale) and edge == round(edge, scale)
    return reading.type != "integer" or abs(edge) < 2**62


def _rises(number: Numbers) -> bool:
    """Whether numbers rise from row to row and hardly ever fall, as those of a counter: no limit above will last."""
    steps = np.diff(number[np.isfinite(number)])
    falls = steps < 0
    return bool(falls.sum() <= 0.05 * len(steps) and -steps[falls].sum() < 0.01 * steps[~falls].sum())


def _short(value: float) -> str:
    return written(float(f"{value:.4g}"))


def _times(column: Column, reading: Reading) -> Iterator[Clause]:
    """Limits of times only where some lie decades away: time goes on, so the others say little of what will come."""
    at = parsed(column.values, reading.type, parse_formats=reading.forms)
    order = np.argsort(at)
    order = order[np.isfinite(at[order])]
    known = np.repeat(at[order], column.counts[order])
    if len(known) < FEWEST:
        return
    low, high = np.quantile(known, [0.01, 0.99])
    decade = 10 * 365.25 * 86400e6
    reach = max(decade, high - low)
    bad = (at < low - reach) | (at > high + reach)
    if not bad.any() or column.share(bad) > 0.01:
        return
    years = [1970 + (edge / (365.2425 * 86400e6)) for edge in (low - reach, high + reach)]
    keys = {"min": f"{max(1, int(years[0])):04}-01-01", "max": f"{min(9999, int(years[1]) + 1):04}-01-01"}
    says = f"{int(column.counts[bad].sum()):,} lie decades from the others: {column.examples(bad)}."
    yield Clause("range", f"{column.field}.range", keys, column.on_rows(bad), says, 0.85)
