"""What is in a quarantine: counts by rule and field, and the records themselves with all that was done with them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.load import parse
from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import rule_list
from stillwell.delivery.choice import places
from stillwell.delivery.outcomes import EXPIRED
from stillwell.delivery.selection import Selection
from stillwell.errors import StillwellError
from stillwell.kernel.prepare import one_array
from stillwell.pipeline.plan import Plan
from stillwell.pipeline.quarantine.desk import Desk, desk


@dataclass(frozen=True)
class Count:
    """How many records, when the first and the last of them were taken in, and what became of them."""

    records: int
    first: dt.datetime | None
    last: dt.datetime | None
    open: int
    passed: int
    expired: int

    def plus(self, other: Count) -> Count:
        """Both together."""
        first = [one for one in (self.first, other.first) if one is not None]
        last = [one for one in (self.last, other.last) if one is not None]
        counts = ((one.records, one.open, one.passed, one.expired) for one in (self, other))
        records, open_ones, passed, expired = map(sum, zip(*counts, strict=True))
        return Count(records, min(first, default=None), max(last, default=None), open_ones, passed, expired)


NONE = Count(0, None, None, 0, 0, 0)


@dataclass(frozen=True)
class Listing:
    """All records that are meant, and those of each rule and field; a record counts with each rule that rejected it.

    `unfinished` names the replay or expiry that was killed and is still to be ended. `keyless` expired records are not
    counted: a key was asked for, and theirs are gone with them.
    """

    whole: Count
    rules: Mapping[tuple[str, str], Count]
    unfinished: str | None
    keyless: int = 0


def listed(plan: Plan, selection: Selection) -> Listing:
    """Counts of what was ever quarantined, by rule and field, most first. Reads only, while a run goes on or not.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet.
    """
    whole, rules = NONE, dict[tuple[str, str], Count]()
    with desk(plan) as at:
        choice = at.choice(selection)
        keyless = _keyless(at, selection) if selection.key else 0
        for rows, here in _rows(at):
            for rule, field, records, first, last, *became in choice.query(rows, _COUNTS.format(here=here)):
                count = Count(records, _instant(first), _instant(last), *became)
                if rule is None:
                    whole = whole.plus(count)
                else:
                    rules[rule, field] = rules.get((rule, field), NONE).plus(count)
        left = at.register.unfinished()
    ordered = sorted(rules.items(), key=lambda one: (-one[1].records, one[0]))
    return Listing(whole, dict(ordered), left.name if left else None, keyless)


def refuse_unknown(plan: Plan, selection: Selection, contract: Contract) -> None:
    """Refuse a selection by a rule or a field that neither a contract nor the quarantine has. Reads only.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet.
        StillwellError: code `bad-where`, with the nearest name.
    """
    every = rule_list(contract)
    rules = {one.name for one in every}
    fields = {path for one in every for path in one.fields} | {one.name for one in contract.fields}
    # The quarantine is read through only for a name that the contract does not have.
    if selection.unknown(rules, fields):
        held = listed(plan, Selection()).rules
        rules |= {rule for rule, _ in held}
        fields |= {field for _, several in held for field in several.split(",") if field}
        if problems := selection.unknown(rules, fields):
            raise StillwellError(problems)


def _keyless(at: Desk, selection: Selection) -> int:
    """How many records have expired that would be meant if they had the key."""
    choice = at.choice(dataclasses.replace(selection, key=()))
    return sum(choice.query(rows, f"SELECT count(*) FROM chosen WHERE {here}")[0][0] for rows, here in _expired(at))


def _instant(microseconds: int | None) -> dt.datetime | None:
    # The library gives times with a zone only where another one is installed.
    return None if microseconds is None else _BEGINNING + dt.timedelta(microseconds=microseconds)


_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# What expired is counted by its outcome, even if it is not yet removed.
_COUNTS = r"""
, broken AS (
    SELECT *, unnest(list_distinct([
        {{'rule': r.rule, 'field': regexp_replace(r.field, '\[\d+\]', '[]', 'g')}}
        for r in reasons if r.severity <> 'warn'])) AS one
    FROM chosen WHERE {here}
), each AS (
    SELECT one.rule AS rule, one.field AS field, passed, expired, _stillwell.ingest_time AS t FROM broken
    UNION ALL SELECT NULL, NULL, passed, expired, _stillwell.ingest_time FROM chosen WHERE {here}
)
SELECT rule, field, count(*), min(epoch_us(t)), max(epoch_us(t)), count(*) FILTER (NOT passed AND NOT expired),
    count(*) FILTER (passed), count(*) FILTER (expired AND NOT passed)
FROM each GROUP BY rule, field
"""


def _rows(at: Desk) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Quarantined rows and the outcomes of expired ones, with the condition under which each counts."""
    for rows in at.rows.rows():
        yield rows, "NOT expired"
    yield from _expired(at)


def _expired(at: Desk) -> Iterator[tuple[pa.RecordBatch, str]]:
    for rows in at.outcomes.rows(["outcome", "reasons", "_stillwell"]):
        yield rows.filter(pc.equal(rows.column("outcome"), EXPIRED)), "expired"


@dataclass(frozen=True)
class Shown:
    """A quarantined record as the sink keeps it, and its outcomes, oldest first."""

    row: Mapping[str, Any]
    outcomes: tuple[Mapping[str, Any], ...]


def shown(plan: Plan, selection: Selection, limit: int) -> list[Shown]:
    """The first records that are meant, by partition and offset, as far as they are still there.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet.
    """
    with desk(plan) as at:
        choice = at.choice(selection)
        kept: pa.Table | None = None
        for rows in at.rows.rows():
            found = pa.Table.from_batches([rows.filter(pa.array(choice.of(rows)))])
            kept = _first(found if kept is None else pa.concat_tables([kept, found]), limit)
        if kept is None:
            return []
        records = kept.to_pylist()
        outcomes: dict[tuple[int, int], list[Mapping[str, Any]]] = {_place(one): [] for one in records}
        for rows in at.outcomes.rows():
            partition, offset = places(rows.column("_stillwell"))
            near = np.isin(offset, [place[1] for place in outcomes]) & np.isin(partition, [one[0] for one in outcomes])
            for one in rows.filter(pa.array(near)).to_pylist():
                outcomes.get(_place(one), []).append(one)
    return [Shown(one, tuple(sorted(outcomes[_place(one)], key=lambda told: told["at"]))) for one in records]


def sensitive(plan: Plan) -> bool:
    """Whether the contract has sensitive fields, or any that a record was judged by."""

    def among(fields: Iterable[Field]) -> bool:
        return any(one.sensitive or among(one.fields) or among([one.items] if one.items else []) for one in fields)

    ledger = plan.job.accepted[0].ledger()
    judged_by = {intent.contract for intent in ledger.intents()}
    contracts = [plan.job.contract, *(parse(ledger.contract_text(digest)) for digest in sorted(judged_by))]
    return any(among(contract.fields) for contract in contracts)


def _first(rows: pa.Table, limit: int) -> pa.Table:
    partition, offset = places(one_array(rows["_stillwell"]))
    return rows.take(pa.array(np.lexsort((offset, partition))[:limit]))


def _place(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["_stillwell"]["partition"], row["_stillwell"]["offset"]
