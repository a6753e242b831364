"""What a check of lint gives: a problem that knows its path; its place is found by that path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing wrong (`error`) or doubtful (`warning`) at a path such as `fields.temperature.max`."""

    path: str
    code: str
    what: str
    fix: str
    level: Literal["error", "warning"] = "error"


def contradiction(path: str, what: str, fix: str) -> Finding:
    """Two things that cannot both hold."""
    return Finding(path, "contradiction", what, fix)


def doubt(path: str, code: str, what: str, fix: str) -> Finding:
    """Something that can be judged, but is probably not meant."""
    return Finding(path, code, what, fix, "warning")
