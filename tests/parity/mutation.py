"""One small change of a contract that makes some verdict another one, to see that parity notices it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from stillwell.errors import ContractError
from tests.cases.case import Case
from tests.parity.streams import judged

BOUNDS = ("min", "max", "above", "below", "min_length", "max_length", "allowed", "pattern")


def mutated(cases: Sequence[Case], seed: int) -> tuple[str, str, str]:
    """The id of a stream, another contract for it, and what is other; some verdict of the stream is another one by it.

    Raises:
        AssertionError: when no change of any contract changes a verdict.
    """
    draw = random.Random(f"mutation/{seed}")
    for case in draw.sample(list(cases), len(cases)):
        spec = yaml.safe_load(case.texts[0])
        changes = list(_changes(spec))
        before = _verdicts(case, None)
        for what, changed in draw.sample(changes, len(changes)):
            text = json.dumps(changed, ensure_ascii=False, default=str)
            try:
                after = _verdicts(case, text)
            except ContractError:
                continue
            if after != before:
                return case.id, text, f"{case.id}: {what}, which changes {len(before ^ after) // 2} verdicts"
    raise AssertionError("no change of any contract changes a verdict")


def _changes(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in spec["fields"].items():
        for key in BOUNDS:
            if key in field:
                left = {other: value for other, value in field.items() if other != key}
                yield f"{name} without `{key}`", {**spec, "fields": {**spec["fields"], name: left}}
        if "required" not in field:
            needed = {**field, "required": "true"}
            yield f"{name} is required", {**spec, "fields": {**spec["fields"], name: needed}}


def _verdicts(case: Case, text: str | None) -> set[tuple[int, int, bool]]:
    said = judged(case, text)
    return {
        (trace["partition"], trace["offset"], good)
        for table, good in ((said.accepted, True), (said.quarantined, False))
        for trace in table["_stillwell"].to_pylist()
    }
