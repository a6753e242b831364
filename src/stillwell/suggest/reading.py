"""How a column could be read: as text, number, time or truth value, the likeliest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.suggest.clause import Reading
from stillwell.suggest.column import Column, Mask, counted, shown
from stillwell.suggest.parsed import parsed, stripped
from stillwell.suggest.yaml import inline, scalar

MOST = 0.9
"""The share of the values that must be of a type for the type to be suggested."""

MIXED = 0.6
"""The same where all others are numbers too, with something behind them."""

TIME_FORMATS = {
    "timestamp": (
        "iso", "yyyy-MM-dd HH:mm", "yyyy/MM/dd HH:mm:ss", "yyyy/MM/dd HH:mm", "dd.MM.yyyy HH:mm:ss", "dd.MM.yyyy HH:mm",
        "dd/MM/yyyy HH:mm:ss", "MM/dd/yyyy HH:mm:ss", "dd/MM/yyyy HH:mm", "MM/dd/yyyy HH:mm", "dd-MM-yyyy HH:mm:ss",
        "dd-MM-yyyy HH:mm", "dd/MM/yyyy HH.mm.ss", "MM/dd/yyyy hh:mm:ss a", "MM/dd/yyyy hh:mm a", "yyyyMMddTHHmmss",
        "yyyyMMddHHmmss",
    ),
    "date": (
        "iso", "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "yyyy/MM/dd", "dd-MM-yyyy", "MM-dd-yyyy", "yyyyMMdd",
        "dd/MM/yy", "MM/dd/yy", "dd.MM.yy",
    ),
    "time": ("iso", "HH.mm.ss", "HH.mm", "hh:mm a", "hh:mm:ss a"),
}  # fmt: skip
_EPOCHS = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0}
_YEARS = {year: (year - 1970) * 365.2425 * 86400e6 for year in (1990, 2050)}
_OF_TIME = re.compile(r"(?i)(^|_)(ts|time|date|day|at|on|when|epoch|created|updated|modified|expires?)(_|$)|time|date")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_WITH_UNIT = re.compile(
    r"\s*[+-]?(?:[0-9]+(?:[.][0-9]+)?|[.][0-9]+)\s*((?:[^\W\d_]|[%°€$£/²³.]){1,12}(?: [^\W\d_]{1,12})?)\s*"
)
_ARROW: tuple[tuple[str, str], ...] = (
    ("boolean", "boolean"), ("integer", "integer"), ("floating", "double"), ("timestamp", "timestamp"),
    ("date", "date"), ("time", "time"),
)  # fmt: skip


def readings(column: Column) -> list[Reading]:
    """The ways in which a column could be read; the first is suggested, the others need labels that speak for them."""
    if column.typed:
        return [_declared(column)]
    if not column.values:
        return [Reading("string", {}, column.absent & False, "There is no value to tell a type by.", 0.1)]
    found = [*_truths(column), *_times(column), *_numbers(column)]
    what = f"{counted(column.present, 'value')}, texts."
    if _is_code(column):
        what = (
            f"{counted(column.present, 'value')}, nearly all digits that name something: leading zeros, or one length."
        )
    text = Reading("string", {}, column.absent & False, what, 0.9)
    return [*found, text] if found and found[0].confidence >= 0.5 else [text, *found]


def of_type(reading: Reading, texts: Sequence[str]) -> Mask:
    """Whether each text is of the type that a reading says."""
    if reading.type not in ("integer", "double", "boolean", "timestamp", "date", "time"):
        return np.ones(len(texts), bool)
    values = stripped(texts, reading.unit) if reading.unit else texts
    return ~np.isnan(parsed(values, reading.type, parse_formats=reading.forms))


def numbers(column: Column, reading: Reading) -> npt.NDArray[np.float64]:
    """The numbers that the distinct values are under a reading of numbers, NaN where they are none."""
    texts = stripped(column.values, reading.unit) if reading.unit else column.values
    options = {"precision": 38, "scale": 18} if reading.type == "decimal" else {}
    return parsed(texts, reading.type, **options)


def _declared(column: Column) -> Reading:
    """What the type of a typed column is called in a contract."""
    kind, says = column.kind, f"The source says {column.kind}."
    keys: dict[str, str] = {}
    if pa.types.is_decimal(kind):
        name, keys = "decimal", {"precision": str(kind.precision), "scale": str(max(0, kind.scale))}
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        name = "string"
    else:
        name = next((ours for arrow, ours in _ARROW if getattr(pa.types, f"is_{arrow}")(kind)), "json")
    return Reading(name, keys, column.absent & False, says, 1.0)


def _truths(column: Column) -> Iterator[Reading]:
    good = [value.lower() in ("true", "false") for value in column.values]
    if column.share(good) >= MOST:
        yield _reading(column, "boolean", {}, good, "are true or false")


def _times(column: Column) -> Iterator[Reading]:
    """Times in the few ways of writing that explain the values best; day or month first is told by those above 12."""
    first = column.values[:300]
    if not any(char.isdigit() for value in first[:20] for char in value):
        return
    weights = column.counts[:300]
    for kind, formats in TIME_FORMATS.items():
        fits = {form: ~np.isnan(parsed(first, kind, parse_formats=(form,))) for form in formats if _shaped(form, first)}
        chosen: list[str] = []
        left: Mask = np.ones(len(first), bool)
        while fits:
            best = max(fits, key=lambda form: float(weights[fits[form] & left].sum()))
            if weights[fits[best] & left].sum() < max(0.05 * weights.sum(), 1):
                break
            chosen.append(best)
            left &= ~fits.pop(best)
        if not chosen or weights[~left].sum() < MOST * weights.sum() or len(chosen) > 3:
            continue
        alike = any(weights[fit].sum() >= weights[~left].sum() for fit in fits.values()) and kind != "time"
        good = ~np.isnan(parsed(column.values, kind, parse_formats=tuple(chosen)))
        keys = {} if chosen == ["iso"] else {"format": scalar(chosen[0]) if len(chosen) == 1 else inline(chosen)}
        what = f"are written as {' or '.join(chosen)}" + (", though day and month could be the other way" * alike)
        read = _reading(column, kind, keys, good, what, 0.6 if alike else 1.0)
        yield replace(read, forms=tuple(chosen))
        return


def _shaped(form: str, values: tuple[str, ...]) -> bool:
    """Whether a way of writing times is worth trying: some value is as long as it, where it has one length."""
    if form == "iso":
        return any(len(value) >= 5 for value in values)
    length = len(form) + form.count(" a")
    return any(len(value) == length for value in values)


def _numbers(column: Column) -> Iterator[Reading]:
    """Numbers: plain ones, instants in seconds since 1970, numbers with a unit behind them."""
    number = parsed(column.values, "double")
    plain = ~np.isnan(number)
    share = column.share(plain)
    if share < MOST and (behind := [_WITH_UNIT.fullmatch(value) for value in column.values]):
        suffixed = np.array([found is not None for found in behind]) & ~plain
        together = column.share(plain | suffixed)
        if together >= MOST and share < MIXED:
            yield from _with_unit(column, [found and found[1] for found in behind], plain)
            return
        if share >= MIXED and together >= 0.95:
            what = f"are numbers, and the others have something behind the number ({column.examples(suffixed)})"
            yield _reading(column, "double", {}, plain, what, 0.8)
            return
    if share >= MOST and not _is_code(column):
        yield from _epoch(column, number)
        whole = np.array([bool(_WHOLE.fullmatch(value.strip())) for value in column.values])
        # A few fractions among many whole numbers are measured values all the same; one or two may be slips.
        broken = int(column.counts[plain & ~whole & (number != np.round(number))].sum())
        pointed = int(column.counts[plain & ~whole].sum())
        kind = "integer" if broken <= min(2, column.present // 500) and pointed <= 0.01 * column.present else "double"
        good = whole | (number == np.round(number)) if kind == "integer" else plain
        yield _reading(column, kind, {}, good & plain, "are whole numbers" if kind == "integer" else "are numbers")
    elif share >= 0.3:
        yield _reading(column, "double", {}, plain, "are numbers", 0.2)


def _is_code(column: Column) -> bool:
    """Whether digits name something instead of counting it: leading zeros, or all of one length (a zip, a phone)."""
    digits = np.array([value.isdigit() and value.isascii() for value in column.values])
    if column.share(digits) < MOST:
        return False
    zeros = np.array([len(value) > 1 and value.startswith("0") for value in column.values]) & digits
    lengths = Counter[int]()
    for value, count, digit in zip(column.values, column.counts, digits, strict=True):
        lengths[len(value)] += int(count) if digit else 0
    length, count = lengths.most_common(1)[0]
    epoch = _OF_TIME.search(column.name) is not None and length in (10, 13, 16)
    return column.share(zeros) > 0.01 or (length >= 5 and count >= 0.95 * column.present and not epoch)


def _epoch(column: Column, number: npt.NDArray[np.float64]) -> Iterator[Reading]:
    if not _OF_TIME.search(column.name):
        return
    for form, unit in _EPOCHS.items():
        good = (number * unit >= _YEARS[1990]) & (number * unit <= _YEARS[2050])
        if column.share(good) >= MOST:
            what = f"are instants between 1990 and 2050 when read as {form}"
            read = _reading(column, "timestamp", {"format": form}, ~np.isnan(number), what, 0.9)
            yield replace(read, forms=(form,))
            return


def _with_unit(column: Column, units: list[str | None], plain: Mask) -> Iterator[Reading]:
    """Numbers of one unit: the way it is written most often is the unit, another way is not of the type."""
    spelled = Counter[str]()
    for unit, count in zip(units, column.counts, strict=True):
        if unit:
            spelled[unit] += int(count)
    unit, count = spelled.most_common(1)[0]
    common = [one for one, often in spelled.items() if often >= 0.02 * column.present]
    if count >= 0.3 * column.present and len(common) <= 10:
        good = ~np.isnan(parsed(stripped(column.values, unit), "double"))
        keys = {"unit": scalar(unit), "clean": "[strip_unit]"}
        others = [shown(one) for one, _ in spelled.most_common(4)[1:]]
        what = f"are numbers followed by {shown(unit)}" + (
            f" (it is also written {', '.join(others)})" if others else ""
        )
        yield replace(_reading(column, "double", keys, good, what), unit=unit)
        yield _reading(column, "double", {}, plain, "are numbers with nothing behind them", 0.2)


def _reading(
    column: Column, type: str, keys: dict[str, str], good: npt.ArrayLike, what: str, trust: float = 1.0
) -> Reading:
    """The reading, with its evidence; the confidence grows with the share and the number of the values that fit."""
    bad = ~np.asarray(good, bool)
    fits = column.present - int(column.counts[bad].sum())
    says = (f"{fits:,} of " if bad.any() else "All ") + f"{column.present:,} values {what}"
    says += f"; not so {column.examples(bad)}." if bad.any() else "."
    return Reading(type, keys, column.on_rows(bad), says, trust * _sure(fits, column.present))


def _sure(fits: int, of: int) -> float:
    """The rule of succession (Laplace): the share expected of what comes next."""
    return (fits + 1) / (of + 2)
