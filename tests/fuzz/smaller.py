"""Makes a case small that shows something: one record, then few fields and keys, then few bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from stillwell.errors import StillwellError
from tests.fuzz import contracts
from tests.fuzz.cases import Case

Shows = Callable[[Case], bool]

TRIES = 400


def smaller(case: Case, place: int, shows: Shows) -> Case:
    """The smallest case found that still shows it; `place` is the record to begin with."""
    tries = iter(range(TRIES))

    def holds(one: Case) -> bool:
        try:
            contracts.load(one.spec)
            return next(tries, None) is not None and shows(one)
        except (StillwellError, ValueError, KeyError):
            return False

    alone = replace(case, table=case.table.slice(place, 1))
    if not holds(alone):
        return case
    case = alone
    for parts in (_envelopes, _contracts, _payloads, _contracts):
        case = _least(case, parts, holds)
    return case


def _least(case: Case, parts: Callable[[Case], Iterator[Case]], holds: Shows) -> Case:
    """Take the first part that can go, and begin anew, until none can."""
    while (found := next((one for one in parts(case) if holds(one)), None)) is not None:
        case = found
    return case


def _envelopes(case: Case) -> Iterator[Case]:
    for name in ("key", "topic", "ingest_time"):
        if name in case.table.column_names:
            yield replace(case, table=case.table.drop_columns([name]))


def _contracts(case: Case) -> Iterator[Case]:
    for path in _paths(case.spec):
        spec = json.loads(json.dumps(case.spec))
        owner = spec
        for step in path[:-1]:
            owner = owner[step]
        del owner[path[-1]]
        yield replace(case, spec=spec)


def _paths(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every part of a contract, the large ones first; expressions of rules stay whole."""
    if path and path[-1] in ("expect", "where"):
        return
    keys = list(part) if isinstance(part, dict) else list(range(len(part))) if isinstance(part, list) else []
    for key in keys:
        yield (*path, key)
    for key in keys:
        yield from _paths(part[key], (*path, key))


def _payloads(case: Case) -> Iterator[Case]:
    if "payload" not in case.table.column_names:
        return
    payload = case.table["payload"][0].as_py() or b""
    size = len(payload)
    step = max(size // 2, 1)
    while step and size:
        for at in range(0, size, step):
            shorter = payload[:at] + payload[at + step :]
            yield replace(case, table=_with(case, shorter))
        step //= 2


def _with(case: Case, payload: bytes) -> Any:
    import pyarrow as pa

    place = case.table.schema.get_field_index("payload")
    return case.table.set_column(place, "payload", pa.array([payload], case.table.schema.field(place).type))
