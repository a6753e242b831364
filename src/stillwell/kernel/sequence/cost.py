"""What sequence rules remember of each key, in bytes: known from the contract alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillwell.contract.model import Contract
from stillwell.kernel.sequence.history import Layout

WORD = 8
FOUND_BY = 16 + 1 + 8
"""Bytes of a key beside its words: its hash, whether it is to be saved, two places in the table that finds it."""


@dataclass(frozen=True)
class Cost:
    """What is remembered of one key of a partition: `bytes` in all, `rules` the share of each by its name.

    `key` are the fields that make the key. Room doubles when it is full, so a process holds up to twice as much.
    """

    key: tuple[str, ...]
    bytes: int
    rules: Mapping[str, int]


def costs(contract: Contract) -> tuple[Cost, ...]:
    """One for each kind of key that the sequence rules of a contract know; rules of a partition alone cost nothing.

    Raises:
        ContractError: for rules that would have to remember too much.
    """
    layout = Layout(contract)
    found = []
    for number, (key, shape) in enumerate(zip(layout.sets, layout.shapes, strict=True)):
        sharing = [step for step in layout.steps if layout.set_of.get(step.name) == number]
        # What `unique` remembers is the first word, when its key came; the others have their own behind it.
        rules = {step.name: WORD * (step.words or 1) for step in sharing}
        found.append(Cost(key, FOUND_BY + WORD * shape.stride, rules))
    return tuple(found)
