"""A slice is a contiguous range of offsets of one partition; a position is where reading goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillwell.kernel.digest import Facts


@dataclass(frozen=True)
class Position:
    """Where a source goes on reading a partition: the next offset, and what the source needs to find it again.

    `cursor` is the source's own text (for files: file and byte); empty where the offset alone suffices.
    """

    offset: int = 0
    cursor: str = ""


@dataclass(frozen=True)
class Slice:
    """A contiguous range of one partition, from `start` up to but without `end`."""

    partition: int
    start: Position
    end: Position
    facts: Facts


@dataclass(frozen=True)
class Gap:
    """Offsets of a partition, from `start` up to but without `end`, that were gone before they could be read."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class Advance:
    """How a sink's mark of one partition must move: from `expected` to `next`, together with the rows."""

    expected: int
    next: int


Marks = Mapping[str, Advance]
"""Advances by mark name (`mark_name`): what a sink commits in one step with the rows."""


def mark_name(pipeline: str, source: str, partition: int) -> str:
    """The name under which every sink keeps the mark of one partition of one source."""
    return f"stillwell/{pipeline}/{source}/{partition}"
