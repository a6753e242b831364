"""What goes into a suggestion and what comes out: a person's labels, a contract as text, the evidence for its rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from stillwell.contract.load import parse
from stillwell.contract.model import Contract


@dataclass(frozen=True)
class Labels:
    """What a person said of some rows, numbered from 0.

    `rows` are those the person looked at: their cells are right unless they stand in `wrong` as (row, column).
    `right` holds the value that a wrong cell should have had, where the person gave it.
    """

    wrong: frozenset[tuple[int, str]]
    rows: frozenset[int]
    right: Mapping[tuple[int, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Why a rule is suggested: its name in the contract, what in the data says so, and a confidence in 0..1."""

    rule: str
    says: str
    confidence: float


@dataclass(frozen=True)
class Suggestion:
    """A contract as a commented text that people read and edit, and the evidence of each of its rules."""

    text: str
    evidence: tuple[Evidence, ...]

    @cached_property
    def contract(self) -> Contract:
        """The contract that the text says."""
        return parse(self.text)
