"""Reads the texts of a contract as what their key or the field's type says they are: durations, shares, literals."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from stillwell.contract.model import Literal_, Now

T = TypeVar("T")


class Unreadable(ValueError):
    """A text that is not what its key asks for: what is wrong, and what to write."""

    def __init__(self, what: str, fix: str, code: str = "bad-value") -> None:
        super().__init__(what)
        self.what, self.fix, self.code = what, fix, code


_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s?%", re.ASCII)
_SIZE = re.compile(r"(\d+)\s?(B|KiB|MiB|GiB|TiB)", re.ASCII)
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_NOW = re.compile(r"now(?:\s*([+-])\s*(\S+))?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_TIMESTAMP = re.compile(rf"({_DATE})(?:[T ]({_CLOCK}))?(Z|[+-]\d{{2}}:?\d{{2}})?", re.ASCII)


def duration(text: str) -> dt.timedelta:
    """A duration: `250ms`, `30s`, `1h30m`, `2w`; never negative.

    Raises:
        Unreadable: for anything else, months among them, whose length is not fixed.
    """
    found = _DURATION.fullmatch(text)
    if not text or not found:
        month = re.fullmatch(r"\d+ ?(mo|mon|month|months|M|y|year|years)", text)
        fix = (
            "Months and years have no fixed length: write days, `30d`." if month else "Write it like `30s` or `1h30m`."
        )
        raise Unreadable(f"`{text}` is not a duration.", fix)
    weeks, days, hours, minutes, seconds, millis = (int(part or 0) for part in found.groups())
    try:
        return dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    except OverflowError:
        raise Unreadable(f"`{text}` is too long.", "Write a shorter duration.") from None


def share(text: str) -> float:
    """A share with its sign, as a fraction of one: `2%` is 0.02."""
    found = _SHARE.fullmatch(text)
    if not found:
        raise Unreadable(f"`{text}` is not a share: 1 could mean 1 or 1 %.", "Write it with its sign: `2%`.")
    return float(Decimal(found[1]) / 100)


def size(text: str) -> int:
    """A size in bytes: `64MiB` is 67108864."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise Unreadable(f"`{text}` is not a size.", "Write it like `64MiB`; units are B, KiB, MiB, GiB and TiB.")
    power = ("B", "KiB", "MiB", "GiB", "TiB").index(found[2])
    return int(found[1]) << 10 * power


def semver(text: str) -> str:
    """A version of three parts, as semver 2.0 has it."""
    if not _SEMVER.fullmatch(text):
        three = re.fullmatch(r"\d+(\.\d+)?", text)
        write = text + ".0" * (2 - text.count(".")) if three else "1.0.0"
        raise Unreadable(f"`{text}` is not a version of three parts.", f"Write `{write}`.")
    return text


def now(text: str) -> Now:
    """The record's ingest time and an offset: `now`, `now + 1m` or `now - 7d`."""
    found = _NOW.fullmatch(text)
    if not found:
        raise Unreadable(f"`{text}` is not a time relative to now.", "Write it like `now + 1m`.")
    offset = duration(found[2]) if found[2] else dt.timedelta(0)
    return Now(-offset if found[1] == "-" else offset)


def whole(text: str) -> int:
    """A count: digits only."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise Unreadable(f"`{text}` is not a whole number from 0.", "Write digits only.")
    return int(text)


def number(text: str) -> float:
    """A finite number."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise Unreadable(f"`{text}` is not a number.", "Write it like `12.5`, with a point.")
    return value


def boolean(text: str) -> bool:
    """`true` or `false`, in any case; `yes`, `on` and `1` are texts."""
    if text.lower() not in ("true", "false"):
        raise Unreadable(f"`{text}` is neither true nor false.", "Write `true` or `false`.")
    return text.lower() == "true"


def integer(text: str) -> int:
    """A whole number of 64 bits; `5.0` and `1e3` are whole."""
    value = Decimal(text) if _NUMBER.fullmatch(text) else None
    if value is None or abs(value) >= 2**64 or value != value.to_integral_value():
        raise Unreadable(f"`{text}` is not an integer.", "Write a whole number.")
    if not -(2**63) <= value < 2**63:
        raise Unreadable(f"`{text}` does not fit in 64 bits.", "Use `decimal`, or a smaller number.")
    return int(value)


def decimal(text: str, precision: int | None, scale: int | None) -> Decimal:
    """An exact decimal that fits precision and scale (None where they are not known)."""
    if not _NUMBER.fullmatch(text):
        raise Unreadable(f"`{text}` is not a number.", "Write it like `12.50`, with a point.")
    value = Decimal(text).normalize()
    _, digits, exponent = value.as_tuple()
    places = max(0, -int(exponent))
    whole_digits = max(0, len(digits) + int(exponent)) if value else 0
    if scale is not None and places > scale:
        raise Unreadable(f"`{text}` has more than {scale} decimal places.", "Round it, or raise `scale`.")
    if precision is not None and whole_digits > precision - (scale or 0):
        raise Unreadable(
            f"`{text}` does not fit precision {precision}.", "Write a smaller number, or raise `precision`."
        )
    return value


def zone(text: str) -> str:
    """The IANA name of a time zone."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Unreadable(f"`{text}` is not a time zone.", "Write an IANA name: `Europe/Oslo`, `UTC`.") from None
    return text


def timestamp(text: str, zone: str = "UTC") -> dt.datetime:
    """An ISO date with or without a time of day, as an instant in UTC; without offset it is in `zone`."""
    found = _TIMESTAMP.fullmatch(text)
    try:
        if not found:
            raise ValueError
        moment = dt.datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{found[3] or ''}")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zoneinfo.ZoneInfo(zone))
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"`{text}` is not a timestamp.", "Write it like `2024-01-31T08:30:00Z`.") from None


def date(text: str) -> dt.date:
    """An ISO date."""
    try:
        if not re.fullmatch(_DATE, text, re.ASCII):
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"`{text}` is not a date.", "Write it like `2024-01-31`.") from None


def time(text: str) -> dt.time:
    """An ISO time of day, without offset."""
    try:
        if not re.fullmatch(_CLOCK, text, re.ASCII):
            raise ValueError
        return dt.time.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"`{text}` is not a time of day.", "Write it like `08:30` or `08:30:15`.") from None


def _json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError:
        raise Unreadable(f"`{text}` is not JSON.", "Write JSON in single quotes.") from None
    return text


_LITERALS: Mapping[str, Callable[[str], Literal_]] = {
    "string": str,
    "json": _json,
    "integer": integer,
    "double": number,
    "boolean": boolean,
    "date": date,
    "time": time,
}


def literal(
    text: str, type: str, *, precision: int | None = None, scale: int | None = None, zone: str = "UTC"
) -> Literal_:
    """The value that `text` means for a field of `type`, so that `NO` is text and `08:30` a time.

    Raises:
        Unreadable: when it is not a literal of the type; code `wrong-type` for objects and arrays, which have none.
    """
    if type == "decimal":
        return decimal(text, precision, scale)
    if type == "timestamp":
        return timestamp(text, zone)
    if type not in _LITERALS:
        raise Unreadable(f"There is no literal of type {type}.", "Leave this key out.", "wrong-type")
    return _LITERALS[type](text)
