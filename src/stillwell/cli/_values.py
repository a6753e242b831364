"""Values of options that need a grammar: instants and shares, each with a clear refusal."""

from __future__ import annotations

import datetime as dt

from stillwell.errors import StillwellError, fail


def instant(text: str, option: str) -> dt.datetime:
    """An ISO date or time in UTC, or `now`; one without an offset is meant in UTC.

    Raises:
        StillwellError: code `usage`.
    """
    if text == "now":
        return dt.datetime.now(dt.UTC)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        fix = "Write it like 2026-01-31T12:00:00Z, or now."
        raise fail(StillwellError, "usage", f"`{text}` is not a time.", fix, path=option) from error
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def share(text: str, option: str) -> float:
    """`1.5%` as the fraction 0.015.

    Raises:
        StillwellError: code `usage`; also for a number without %, which could mean either.
    """
    number = text.strip().removesuffix("%").strip()
    if text.strip().endswith("%") and number.replace(".", "", 1).isdecimal() and float(number) <= 100:
        return float(number) / 100
    raise fail(StillwellError, "usage", f"`{text}` is not a share.", "Write it like 1% or 0.5%.", path=option)
