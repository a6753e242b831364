"""What makes a record one record, whose history it belongs to, and when it happened."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from stillwell.suggest.clause import Reading
from stillwell.suggest.column import Column, Sample

_IDENTIFIER = re.compile(r"(?i)(^|_)(id|uuid|guid|key|index|number|no|nr)(_|$)|[a-z]I[dD]$")
_EVENT = re.compile(r"(?i)event|(^|_)(ts|time|timestamp|datetime|date)(_|$)|time|date")
_MOST_TRIED = 8

FEWEST = 10
"""Rows below which all may differ by chance."""


@dataclass(frozen=True)
class Identity:
    """Fields by role; empty where the data does not tell. `says` is the evidence for `identity`."""

    identity: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    time: str = ""
    says: str = ""


def identity(table: pa.Table, sample: Sample, columns: Sequence[Column], readings: Mapping[str, Reading]) -> Identity:
    """The roles of fields; what shall be unique is tried on the whole table, and a single field is preferred."""
    if len(sample.places) < FEWEST:
        return Identity()
    whole = [one for one in columns if not one.absent.any() and not one.opaque and not readings[one.name].fails.any()]
    times = [one for one in whole if readings[one.name].type in ("timestamp", "date")]
    time = min(times, key=lambda one: (not _EVENT.search(one.name), readings[one.name].type == "date"), default=None)
    named = time.field if time else ""
    exact = [one for one in whole if readings[one.name].type in ("string", "integer", "timestamp")]
    alone = [one for one in exact if len(one.values) == one.rows and readings[one.name].type != "timestamp"]
    alone = [one for one in alone if max(map(len, one.values[:100]), default=0) <= 40]
    for one in sorted(alone, key=lambda one: not _IDENTIFIER.search(one.name)):
        if _unique(table, [one.name]) and (_IDENTIFIER.search(one.name) or len(sample.places) >= 100):
            return Identity((one.field,), (), named, f"No value of {one.field} comes twice in {len(table):,} rows.")
    if time is None:
        return Identity()
    groups = [one for one in exact if one is not time and 1 < len(one.values) <= one.rows / 3]
    groups.sort(key=lambda one: (not _IDENTIFIER.search(one.name), -len(one.values)))
    for size in (0, 1, 2):
        for keys in combinations(groups[:_MOST_TRIED], size):
            if _distinct([*keys, time]) and _unique(table, [*(one.name for one in keys), time.name]):
                fields = tuple(one.field for one in keys)
                says = f"No {' and '.join((*fields, named))} comes twice in {len(table):,} rows."
                return Identity((*fields, named), fields, named, says)
    return Identity(time=named)


def _distinct(columns: Sequence[Column]) -> bool:
    """Whether no combination of values comes twice in the sample."""
    code = np.zeros(columns[0].rows, np.int64)
    for one in columns:
        _, code = np.unique(code * (len(one.values) + 1) + one.codes, return_inverse=True)
    return int(code.max(initial=-1)) + 1 == len(code)


def _unique(table: pa.Table, names: Sequence[str]) -> bool:
    """The same in the whole table."""
    return len(table.select(names).group_by(list(names)).aggregate([])) == len(table)
