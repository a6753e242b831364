"""One thing that could be asked of a field, with what speaks for it: what suggestions are chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stillwell.suggest.column import Mask

Slot: TypeAlias = Literal["required", "pattern", "format", "allowed", "range", "rule"]
"""Where a clause is written: in a key of its field, of which there is one each, or as a record rule of its own."""


@dataclass(frozen=True)
class Clause:
    """One thing that could be asked.

    `keys` are what is written, as YAML texts by key. `fails` says for each row of the sample whether it breaks the
    clause. With `suggested` false it is only taken when labels speak for it; `rank` orders what explains labels alike,
    the plainest first.
    """

    slot: Slot
    rule: str
    keys: Mapping[str, str]
    fails: Mask
    says: str
    confidence: float
    suggested: bool = True
    rank: int = 0


@dataclass(frozen=True)
class Reading:
    """How a field could be read: its type with what belongs to it, and what could then be asked.

    `fails` says for each row whether its text is not of the type; `unit` is what stands behind each number, `forms`
    how times are written.
    """

    type: str
    keys: Mapping[str, str]
    fails: Mask
    says: str
    confidence: float
    unit: str = ""
    forms: tuple[str, ...] = ("iso",)
