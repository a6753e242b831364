"""Counting as one query: typed records are judged by every rule, and only their combinations of broken rules come out.

From how many records each combination has, and which are its first, follow the counts of all rules and the examples.
It is the full way without its texts, so it exists only where no text is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import Rule
from stillwell.kernel.chain import Verdicts
from stillwell.kernel.decode import Decoder
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.full import judgement, named
from stillwell.kernel.native import Native
from stillwell.kernel.sql import OWN, Levels, own

PLACE = own("place")
"""The column of the source that numbers its records."""

_BITS = 62


@dataclass(frozen=True)
class Skipped:
    """By how many records a rule was not evaluated: those where a column is NULL, and those that failed other rules."""

    column: str | None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Census:
    """The counting query and one that explains all its records, both over the relation `source`."""

    verdicts: Verdicts
    flags: tuple[tuple[str, str], ...]
    skipped: Mapping[str, Skipped]
    counted: tuple[str, ...]
    sql: str
    explained: str


def census(
    contract: Contract,
    rules: tuple[Rule, ...],
    decoder: Decoder,
    read: Callable[[Field], Native | None],
    samples: int,
    *,
    present: bool = False,
    doubts: Sequence[str] = (),
) -> Census | None:
    """Compile; None where some field has to be parsed, or more is asked for than the declared fields.

    The relation has the columns `PLACE` and `_stillwell_now`, and those that `read` and `decoder` speak of. `samples`
    is how many first places of each combination are wanted; `present` says that no record is NULL; `doubts` are
    conditions under which the answer would be no good.
    """
    natives = {field.name: read(field) for field in contract.fields if field.value is None}
    if contract.other_fields != "ignore" or not all(natives.values()):
        return None
    levels = Levels("source")
    verdicts, _ = judgement(levels, contract, decoder, rules, read, typed=True)
    simple = {one.name: found for one in contract.fields if not one.repair and (found := natives.get(one.name))}
    # What cannot fail takes no part in the combinations.
    flags = [("failed", rule.name) for rule in rules if _may_fail(rule, simple, present=present)]
    flags += [("repaired", rule.name) for rule in rules if rule.name in verdicts.repaired]
    columns = [getattr(verdicts, kind)[rule] for kind, rule in flags]
    words = [_word(columns[start : start + _BITS]) for start in range(0, len(columns), _BITS)]
    keys = [own(f"word_{number}") for number in range(len(words))]
    required = {field.name for field in contract.fields if field.required}
    skipped = {rule.name: _skipped(rule, simple, required, verdicts) for rule in rules}
    counted = tuple(dict.fromkeys(one.column for one in skipped.values() if one.column))
    there = [f"{column} AS {own(f'there_{at}')}" for at, column in enumerate(counted)]
    masks = [f"{word} AS {key}" for word, key in zip(words, keys, strict=True)]
    doubt = f"CASE WHEN {' OR '.join(doubts)} THEN true ELSE false END" if doubts else "false"
    judged = levels.select([PLACE, *there, *masks, f"{doubt} AS {own('doubt')}"])
    counts = [f"count({own(f'there_{at}')}) AS {own(f'there_{at}')}" for at in range(len(counted))]
    odd = " OR ".join(f"{key} <> 0" for key in keys)
    first = f"{f'min({PLACE}, {samples}) FILTER ({odd})' if samples else '[0]'} AS {own('first')}"
    doubtful = f"bool_or({own('doubt')}) AS {own('doubt')}"
    outer = ", ".join([*keys, f"count(*) AS {own('count')}", *counts, first, doubtful])
    sql = f"SELECT {outer} FROM ({judged}) GROUP BY {', '.join(keys)}"
    explained = f"{levels.select([PLACE, *named(verdicts)])} ORDER BY {PLACE}"
    return Census(verdicts, tuple(flags), skipped, counted, sql, explained)


def _may_fail(rule: Rule, simple: Mapping[str, Native], *, present: bool) -> bool:
    if rule.kind not in ("type", "empty"):
        return True
    if rule.kind == "empty":
        return not present
    found = simple.get(rule.fields[0])
    return found is None or found.bad is not None


def _skipped(rule: Rule, simple: Mapping[str, Native], required: set[str], verdicts: Verdicts) -> Skipped:
    """Of the rules of a field that is taken from its column it is known when they are not evaluated."""
    if rule.kind == "empty":
        return Skipped(None)
    found = simple.get(rule.fields[0]) if rule.kind != "expression" else None
    if found is None:
        return Skipped(verdicts.failed[rule.name])
    field = rule.fields[0]
    no_value = (f"{field}.type",) if found.bad and rule.kind != "type" else ()
    if rule.kind == "required":
        return Skipped(None, (*no_value, "payload.empty"))
    if field in required:
        return Skipped(None, (*no_value, f"{field}.required", "payload.empty"))
    return Skipped(found.column, no_value)


def _word(columns: Sequence[str]) -> str:
    bits = (f"CASE WHEN {column} THEN CAST({1 << bit} AS BIGINT) ELSE 0 END" for bit, column in enumerate(columns))
    return f"({' | '.join(bits)})"


@dataclass(frozen=True)
class Groups:
    """The answer of the counting query: combinations of flags, how many records each has, and its first places."""

    flags: Flags
    counts: npt.NDArray[np.int64]
    not_evaluated: dict[str, int]
    first: pa.ListArray
    doubtful: bool

    @staticmethod
    def of(found: pa.Table, asked: Census) -> Groups:
        """Read the columns of the answer."""
        found = found.combine_chunks()
        counts = found[OWN + "count"].to_numpy()
        masks: dict[str, dict[str, Mask]] = {
            "failed": dict.fromkeys(asked.skipped, np.zeros(len(found), bool)),
            "repaired": {},
        }
        for at, (kind, rule) in enumerate(asked.flags):
            word = found[f"{OWN}word_{at // _BITS}"].to_numpy()
            masks[kind][rule] = (word >> at % _BITS & 1).astype(bool)
        nulls: dict[str | None, int] = {None: 0}
        for at, column in enumerate(asked.counted):
            nulls[column] = int(counts.sum() - found[f"{OWN}there_{at}"].to_numpy().sum())
        failed = {rule: int(counts[mask].sum()) for rule, mask in masks["failed"].items()}
        skipped = {
            rule: nulls[one.column] + sum(failed[other] for other in one.rules) for rule, one in asked.skipped.items()
        }
        flags = Flags(len(found), masks["failed"], {}, masks["repaired"])
        doubtful = any(found[OWN + "doubt"].to_pylist())
        first = found[OWN + "first"].combine_chunks().cast(pa.list_(pa.int64()))
        return Groups(flags, counts, skipped, first, doubtful)

    def first_of(self, mask: Mask, samples: int) -> list[int]:
        """The first places of the groups under a mask."""
        return sorted(self.first.filter(pa.array(mask)).flatten().to_pylist())[:samples]
