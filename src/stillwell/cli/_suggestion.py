"""A contract suggested by DATA itself, for the verbs that make one: suggest, init, and check without a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stillwell.cli._data import Data
from stillwell.cli._labels import labels as read_labels
from stillwell.cli._sampled import Sampled, name_for, sampled
from stillwell.cli.base import Output
from stillwell.contract.model import Contract
from stillwell.errors import StillwellError, fail
from stillwell.suggest import Labels, Suggestion, suggest
from stillwell.suggest.names import field_names


@dataclass(frozen=True)
class Suggested:
    """A suggestion, the records that it is made of, and the labels that helped."""

    suggestion: Suggestion
    looked: Sampled
    labels: Labels | None = None

    @property
    def contract(self) -> Contract:
        """The contract, which lies in no file."""
        return self.suggestion.contract


def suggested(
    named: list[str],
    inputs: list[Data],
    most: int,
    output: Output,
    *,
    labels: Path | None = None,
    tolerant: bool = False,
) -> Suggested:
    """The contract that the first records of `inputs` suggest; `named` is what they were called.

    Raises:
        StillwellError: those of `sampled` and of labels.
    """
    if labels is not None and len(inputs) > 1:
        what = f"{labels} counts records, and these are {len(inputs):,} files."
        raise fail(StillwellError, "usage", what, "Name one file, of which the labels speak.", path="--labels")
    try:
        looked = sampled(inputs, most, lambda read: output.progress(f"{read:,} records read"), tolerant=tolerant)
        columns = looked.table.column_names
        told = read_labels(labels, looked, dict(zip(field_names(columns), columns, strict=True))) if labels else None
        output.progress(f"looking at {len(columns):,} columns of {looked.read:,} records")
        return Suggested(suggest(looked.table, name=name_for(named, inputs), labels=told), looked, told)
    finally:
        output.progress("")


def remarks(found: Suggested, output: Output) -> Iterator[str]:
    """What a person should know beside the contract: how much was looked at, and what was left out."""
    looked, evidence = found.looked, found.suggestion.evidence
    first = "the first " if looked.more else ""
    columns = f"{looked.table.num_columns:,} column{'s' * (looked.table.num_columns != 1)}"
    yield f"{first}{looked.read:,} record{'s' * (looked.read != 1)}, {columns}: {len(evidence):,} rules suggested"
    if found.labels is not None:
        yield f"labels: {len(found.labels.wrong):,} wrong cells in {len(found.labels.rows):,} rows"
    odd = looked.read - len(looked.table)
    if odd:
        yield output.paint(f"! {odd:,} could not be taken apart, and say nothing here", "warn")
    for one in looked.left_out[:_TOLD]:
        yield output.paint(f"! left out: {one}", "warn")
    if len(looked.left_out) > _TOLD:
        yield output.paint(f"! left out: {len(looked.left_out) - _TOLD:,} more", "warn")


_TOLD = 5
