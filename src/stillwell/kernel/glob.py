"""Simple patterns as GLOB, which DuckDB matches in half the time of a regular expression, and as sets of bytes."""

from __future__ import annotations

import re

_PART = re.compile(
    r"(?P<text>[A-Za-z0-9_ :/@,;=#%&~!<>\"'-])|\\(?P<digit>d)|(?P<set>\[(?:[A-Za-z0-9]-[A-Za-z0-9]|\w)+\])"
)
_TIMES = re.compile(r"\{([0-9]{1,2})\}")


def glob(pattern: str) -> str | None:
    """The GLOB that matches what an RE2 pattern matches as a whole; None for all but ASCII text, sets and counts."""
    written, at = "", 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            return None
        at = part.end()
        times = _TIMES.match(pattern, at)
        at = times.end() if times else at
        one = "[0-9]" if part["digit"] else part[0]
        written += one * (int(times[1]) if times else 1)
    return written if written.isascii() else None


def sets(pattern: str) -> list[frozenset[int]] | None:
    """For each place of the texts that a simple pattern matches the bytes that may stand there; None for others."""
    written = glob(pattern)
    if written is None:
        return None
    places = (part[1:-1] if part.startswith("[") else part for part in re.findall(r"\[[^]]*\]|.", written))
    return [frozenset(_bytes(one)) for one in places]


def _bytes(signs: str) -> list[int]:
    """The bytes of a set as it is written between brackets, or of one sign."""
    if len(signs) == 1:
        return [ord(signs)]
    spans = re.findall(r"(.)-(.)|(.)", signs)
    return [one for low, high, lone in spans for one in (range(ord(low), ord(high) + 1) if low else [ord(lone)])]
