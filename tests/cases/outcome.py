"""What became of a case: a verdict for every record, the ledger by partition, the tally; plain data, to be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stillwell.delivery.intent import Intent
from stillwell.kernel.tally import COUNTS, Tally

Outcome = dict[str, Any]
"""`records` by `partition:offset`, `ledger` by partition, `tally`, `stops`; JSON through and through."""


def outcome(
    accepted: Iterable[Mapping[str, Any]],
    quarantined: Iterable[Mapping[str, Any]],
    intents: Iterable[Intent],
    tally: Tally | None,
    stops: Sequence[str] = (),
) -> Outcome:
    """The outcome of rows as sinks hold them (`to_pylist`), what the ledger says, and the tally of all runs."""
    records: dict[str, Any] = {}
    for rows, verdict in ((accepted, "accepted"), (quarantined, "quarantined")):
        for row in rows:
            trace = row["_stillwell"]
            place = f"{trace['partition']}:{trace['offset']}"
            if place in records:
                raise AssertionError(f"{place} is there twice")
            records[place] = {"verdict": verdict, **_plain({**row, "_stillwell": {**trace, "topic": None}})}
    told = {} if tally is None else tally_plain(tally)
    return {"records": records, "ledger": _ledger(intents), "tally": told, "stops": list(stops)}


def tally_plain(tally: Tally) -> dict[str, Any]:
    """The counts, the rules and the fields of a tally over all its windows."""
    whole = tally.total()
    fields = {name: whole.summary(name) for name in whole.fields} if whole.cells else {}
    for summary in fields.values():
        # Of times the spread is far below a billionth of the mean, which is how exactly moments merge.
        if abs(summary.get("mean") or 0) > 1e5 * (summary.get("std") or 0):
            summary.pop("std", None)
    return {
        **{name: whole.count(name) for name in COUNTS},
        "rules": {
            name: [int(one.failed.sum()), int(one.repaired.sum()), int(one.not_evaluated.sum())]
            for name, one in sorted(whole.rules.items())
        },
        "fields": _plain(fields),
    }


def differences(one: Outcome, other: Outcome) -> list[str]:
    """Where two outcomes differ; numbers that are sums of doubles may differ by a billionth."""
    return list(_differences("", one, other))


def missing(expected: Any, found: Any, path: str = "") -> list[str]:
    """What of an expectation does not hold: maps are compared key by key, all else as a whole."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [one for key in expected for one in missing(expected[key], found.get(key), f"{path}/{key}")]
    return [] if _equal(expected, found) else [f"{path}: expected {expected!r}, found {found!r}"]


def _ledger(intents: Iterable[Intent]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for intent in intents:
        for part in intent.slices:
            sums = found.setdefault(str(part.partition), {})
            for name in ("read", "accepted", "quarantined", "identity_read", "identity_accepted",
                         "identity_quarantined", "payload_quarantined"):  # fmt: skip
                sums[name] = (sums.get(name, 0) + getattr(part.facts, name)) % 2**64
            sums["end"] = part.end.offset
            sums["forgotten"] = sums.get("forgotten", 0) + intent.forgotten.get(part.partition, 0)
    return dict(sorted(found.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _equal(one: Any, other: Any) -> bool:
    numbers = isinstance(one, float) or isinstance(other, float)
    if numbers and isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return type(one) is type(other) and one == other


def _differences(path: str, one: Any, other: Any) -> Iterable[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _differences(f"{path}/{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}/{number}", *pair)
    elif not _equal(one, other):
        yield f"{path}: {one!r} is not {other!r}"
