"""A tally as a JSON object and back, exactly: for whoever counts in one process and adds up in another."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from stillwell.kernel.sketch import Moments, Sparse
from stillwell.kernel.tally import FieldTally, RuleTally, Tally

_Arrays = TypeVar("_Arrays", RuleTally, Moments, Sparse)
_FLOATS = frozenset({"mean", "squares", "min", "max"})


def to_json(tally: Tally) -> str:
    """One line of JSON; numbers that are not finite are written as Python's `json` does."""
    return json.dumps(
        {
            "window": tally.window / dt.timedelta(microseconds=1),
            "group": tally.group,
            "cells": tally.cells,
            "counts": {name: counts.tolist() for name, counts in tally.counts.items()},
            "ingested": tally.ingested.tolist(),
            "rules": {rule: _lists(one) for rule, one in tally.rules.items()},
            "fields": {field: _field(one) for field, one in tally.fields.items()},
        },
        separators=(",", ":"),
    )


def from_json(text: str | bytes) -> Tally:
    """What `to_json` wrote."""
    plain = json.loads(text)
    return Tally(
        dt.timedelta(microseconds=plain["window"]),
        tuple(plain["group"]),
        tuple((start, tuple(group)) for start, group in plain["cells"]),
        {name: np.array(counts, np.int64) for name, counts in plain["counts"].items()},
        np.array(plain["ingested"], np.int64),
        {rule: _arrays(RuleTally, one) for rule, one in plain["rules"].items()},
        {field: _field_tally(one) for field, one in plain["fields"].items()},
    )


def _field(tally: FieldTally) -> dict[str, Any]:
    parts = {"moments": tally.moments, "histogram": tally.histogram, "registers": tally.registers}
    return {
        "null": tally.null.tolist(),
        "invalid": tally.invalid.tolist(),
        **{name: None if part is None else _lists(part) for name, part in parts.items()},
        "hashed_by": tally.hashed_by,
    }


def _field_tally(plain: dict[str, Any]) -> FieldTally:
    kinds = {"moments": Moments, "histogram": Sparse, "registers": Sparse}
    parts: dict[str, Any] = {
        name: None if plain[name] is None else _arrays(kind, plain[name]) for name, kind in kinds.items()
    }
    null, invalid = (np.array(plain[name], np.int64) for name in ("null", "invalid"))
    return FieldTally(null, invalid, hashed_by=plain["hashed_by"], **parts)


def _lists(arrays: RuleTally | Moments | Sparse) -> dict[str, list[float]]:
    return {one.name: getattr(arrays, one.name).tolist() for one in fields(arrays)}


def _arrays(kind: type[_Arrays], plain: dict[str, list[float]]) -> _Arrays:
    arrays: dict[str, Any] = {
        name: np.array(values, np.float64 if name in _FLOATS else np.int64) for name, values in plain.items()
    }
    return kind(**arrays)
