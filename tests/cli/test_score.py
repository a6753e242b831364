"""The score of a demo: verdicts against the generator's truth, which it must be able to lose."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from stillwell.cli._score import Score
from stillwell.connectors.generator import VISIBLE


def scored(epochs):
    score = Score()
    for one in epochs:
        score.see(one)
    return score


def with_truth(progress, **columns):
    """The epoch with other columns of truth."""
    batch = progress.batch
    for name, values in columns.items():
        batch = batch.set_column(batch.column_names.index(name), name, pa.array(values, pa.string()))
    return dataclasses.replace(progress, batch=batch)


def test_every_visible_fault_is_caught_and_no_clean_record_rejected(epochs):
    seen = epochs()
    score = scored(seen)
    assert len(seen) == 3
    assert (score.precision, score.recall, score.clean_rejected) == (1.0, 1.0, 0)
    assert tuple(score.by_fault()) == VISIBLE
    told = [fault for one in seen for fault in one.batch["fault"].cast(pa.string()).to_pylist()]
    assert score.by_fault() == {kind: [told.count(kind)] * 2 for kind in VISIBLE}
    assert min(injected for injected, _ in score.by_fault().values()) > 0


def test_a_contract_that_overlooks_a_fault_loses_recall_only(epochs):
    score = scored(epochs((", max: now + 1m", "")))
    injected, caught = score.by_fault()["future"]
    assert (injected > 0, caught) == (True, 0)
    assert score.precision == 1.0
    assert 0.8 < score.recall < 1.0


def test_a_contract_that_is_too_strict_loses_precision_only(epochs):
    score = scored(epochs(("min: -40, max: 85, warn: {max: 70}", "min: -40, max: 20")))
    assert score.recall == 1.0
    assert score.precision == 1 - score.clean_rejected / score.rejected < 0.9


@pytest.mark.parametrize("mended", ["repair: {range: clamp}", "warn: {max: 70}"])
def test_a_fault_that_was_repaired_or_warned_of_is_caught_too(epochs, mended):
    limits = "min: -40, max: 85, repair: {range: clamp}" if "clamp" in mended else "warn: {min: -40, max: 70}"
    score = scored(epochs(("min: -40, max: 85, warn: {max: 70}", limits)))
    assert (score.precision, score.recall) == (1.0, 1.0)


def test_a_reason_that_names_another_field_does_not_count(epochs):
    [one, *_] = epochs()
    kinds = one.batch["fault"].cast(pa.string()).to_pylist()
    fields = one.batch["fault_field"].cast(pa.string()).to_pylist()
    wrong = [field and ("humidity" if field == "pressure" else "pressure") for field in fields]
    score = scored([with_truth(one, fault_field=wrong)])
    visible = sum(kind in VISIBLE for kind in kinds)
    unnamed = sum(kind in VISIBLE and field is None for kind, field in zip(kinds, fields, strict=True))
    assert score.recall == unnamed / visible < 0.5


def test_a_rejected_record_whose_fault_needs_history_counts_as_clean(epochs):
    [one, *_] = epochs()
    kinds = one.batch["fault"].cast(pa.string()).to_pylist()
    score = scored([with_truth(one, fault=["spike" if kind in VISIBLE else None for kind in kinds])])
    assert (score.precision, score.recall) == (0.0, 1.0)
    assert score.clean_rejected == len(one.judged.quarantined)


def test_nothing_seen_is_nothing_wrong():
    assert (Score().precision, Score().recall) == (1.0, 1.0)
