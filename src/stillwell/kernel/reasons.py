"""Reasons and repairs: from columns of verdicts to a list of structs for each record, without a loop over records."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import Rule
from stillwell.kernel.base import REASON, REPAIR
from stillwell.kernel.chain import Verdicts
from stillwell.kernel.flags import Flags
from stillwell.kernel.sql import OWN

SHOWN = 200
"""How many characters of a value a reason shows."""

MASK = "***"

PayloadSeen: TypeAlias = Callable[[pa.Array], pa.Array]
"""What reasons of the payload itself show (string) for the records at these places."""

_NO_RULE = np.zeros(0, bool)


@dataclass(frozen=True)
class Explainer:
    """Builds the lists of one compiled contract; `hash_key` is the key of sensitive fields that are hashed."""

    contract: Contract
    rules: tuple[Rule, ...]
    verdicts: Verdicts
    hash_key: bytes | None = None

    def reasons(self, judged: pa.Table, flags: Flags, payload_seen: PayloadSeen) -> pa.ListArray:
        """For each row of the full way's result the reasons of every rule that failed, in the order of judging."""
        parts = []
        for rule in self.rules:
            rows = np.flatnonzero(flags.failed.get(rule.name, _NO_RULE))
            if len(rows):
                field = self._field(rule, judged, rows)
                seen = self._seen(rule, judged, rows, payload_seen)
                parts.append(_Part(rows, [rule.name, field, rule.severity, seen, rule.expected]))
        return _lists(parts, flags.size, REASON)

    def repairs(self, judged: pa.Table, flags: Flags) -> pa.ListArray:
        """For each row of the full way's result the repairs that were made."""
        parts = []
        for rule in self.rules:
            rows = np.flatnonzero(flags.repaired.get(rule.name, _NO_RULE))
            if len(rows):
                before = _whole(judged[OWN + "before_" + rule.name]).take(pa.array(rows))
                parts.append(_Part(rows, [rule.name, ",".join(rule.fields), self.masked(rule, before)]))
        return _lists(parts, flags.size, REPAIR)

    def _seen(
        self, rule: Rule, judged: pa.Table, rows: npt.NDArray[np.int64], payload_seen: PayloadSeen
    ) -> pa.Array | str:
        if rule.kind in ("encoding", "format", "empty"):
            hidden = any(_all_ways(field) != {None} for field in self.contract.fields)
            return MASK if hidden else payload_seen(pa.array(rows))
        seen = _whole(judged[OWN + "seen_" + seen_key(rule.name, self.verdicts)]).take(pa.array(rows))
        return self.masked(rule, pc.utf8_slice_codeunits(seen, 0, SHOWN))

    def hides(self, rule: Rule) -> bool:
        """Whether what a reason of a rule shows is sensitive."""
        return bool(self._ways(rule))

    def _ways(self, rule: Rule) -> set[str | None]:
        return {way for field in rule.fields for way in _ways(self.contract.fields, field)} - {None}

    def masked(self, rule: Rule, values: pa.Array) -> pa.Array:
        """Texts (null stays null) as a reason of a rule may show them."""
        ways = self._ways(rule)
        if not ways:
            return values
        if ways == {"hash"} and self.hash_key is not None:
            return _each(values, lambda value: hash_value(value, self.hash_key or b""))
        return _each(values, lambda _: MASK)

    def _field(self, rule: Rule, judged: pa.Table, rows: npt.NDArray[np.int64]) -> pa.Array | str:
        field = ",".join(rule.fields)
        if rule.name not in self.verdicts.item:
            return field
        items = _whole(judged[OWN + "item_" + rule.name]).take(pa.array(rows)).to_pylist()
        return pa.array([field.replace("[]", f"[{item}]", 1) for item in items], pa.string())


def seen_key(rule: str, verdicts: Verdicts) -> str:
    """The entry of `Verdicts.seen` that belongs to a rule: its own, or that of the innermost field it is about."""
    fits = [key for key in verdicts.seen if key == rule or (key.endswith(".") and rule.startswith(key))]
    if fits:
        return max(fits, key=len)
    # A rule about the elements of an array shows the array.
    return rule.split("[]", maxsplit=1)[0] + "."


def repeated(text: str, count: int) -> pa.StringArray:
    """The same text so many times."""
    # With its type: to guess one, Arrow looks each time for a library that may not be there.
    return pa.repeat(pa.scalar(text, pa.string()), count)


def hash_value(value: str, key: bytes) -> str:
    """A keyed hash (HMAC-SHA-256, 16 hex digits) under which equal values can still be joined."""
    return hmac.digest(key, value.encode(), "sha256").hex()[:16]


def _ways(fields: Sequence[Field], path: str) -> set[str | None]:
    """In which ways what a reason about this path shows is sensitive: the field, what it lies in, what lies in it.

    A reason about elements of an array shows the array, and a computed value may show what it is computed from.
    """
    name, _, rest = path.split("[]", maxsplit=1)[0].partition(".")
    field = next(one for one in fields if one.name == name)
    ways = {field.sensitive, *(_ways(field.fields, rest) if rest else _all_ways(field))}
    return ways.union(*(_ways(fields, source) for source in (field.value.fields if field.value else ())))


def _all_ways(field: Field) -> set[str | None]:
    inner = (*field.fields, *([field.items] if field.items else []))
    return {field.sensitive}.union(*(_all_ways(one) for one in inner))


def _each(values: pa.Array, change: Callable[[str], str]) -> pa.Array:
    return pa.array([None if value is None else change(value) for value in values.to_pylist()], pa.string())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.cast(pa.string()) if not pa.types.is_integer(whole.type) else whole


@dataclass(frozen=True)
class _Part:
    """Entries of one rule: the rows they belong to, and each member of the struct, one for all or one an entry."""

    rows: npt.NDArray[np.int64]
    members: list[pa.Array | str]


def _lists(parts: list[_Part], length: int, kind: pa.StructType) -> pa.ListArray:
    """Entries given rule by rule as lists by row, in the order of the rules."""
    if not parts:
        return pa.ListArray.from_arrays(pa.array(np.zeros(length + 1, np.int32)), pa.array([], kind))
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    of_part = pa.array(np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])[order])
    columns = []
    for member in zip(*(part.members for part in parts), strict=True):
        if all(isinstance(one, str) for one in member):
            columns.append(pa.array(member, pa.string()).take(of_part))
        else:
            whole = [
                repeated(one, len(part.rows)) if isinstance(one, str) else one
                for one, part in zip(member, parts, strict=True)
            ]
            columns.append(pa.concat_arrays(whole).take(pa.array(order)))
    offsets = np.zeros(length + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=length), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(columns, fields=list(kind)))
