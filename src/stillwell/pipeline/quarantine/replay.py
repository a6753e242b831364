"""Replays and expiries of a pipeline's quarantine: what a killed one left is finished before the next begins."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.base import Erasable
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.numbered import Kind, Numbered
from stillwell.delivery.outcomes import FAILING, OUTCOMES
from stillwell.delivery.replay import Work, expire, replay
from stillwell.delivery.retry import Retry
from stillwell.delivery.selection import Selection
from stillwell.delivery.slice import Position
from stillwell.errors import Fenced, PipelineError, Problem, fail
from stillwell.kernel.base import Judged
from stillwell.kernel.prepare import one_array
from stillwell.kernel.program import accepted_schema
from stillwell.pipeline.plan import Plan
from stillwell.pipeline.quarantine.desk import Desk, alone, desk

Watch = Callable[[Judged], None]
"""Called with the verdicts on each epoch once it is written."""


@dataclass(frozen=True)
class Done:
    """What a replay or an expiry came to: `read` records, of which `passed` now pass.

    `rules` counts the records that broke each rule which rejects. `name` is empty for a try that wrote nothing; if it
    was `resumed`, an earlier process had begun it.
    """

    kind: Kind
    name: str
    selection: Selection
    contract: str
    version: str
    read: int
    passed: int
    rules: Mapping[str, int] = field(default_factory=dict)
    resumed: bool = False


def _unwatched(_judged: Judged) -> None:
    """Nobody looks."""


def replay_out(
    plan: Plan, selection: Selection, contract: Contract | None = None, watch: Watch = _unwatched
) -> list[Done]:
    """Judge open quarantined records again, by the contract of the pipeline or another one; what passes is accepted.

    Gives what a killed replay or expiry came to, which is finished first, then what this one did.

    Raises:
        PipelineError: codes `no-ledger`, `already-running`, `not-supported`.
        StillwellError: when a sink fails; what is committed stays, and the next replay goes on after it.
    """
    return _run(plan, "replay", selection.open_only(), contract or plan.job.contract, watch)


def expire_from(plan: Plan, selection: Selection, watch: Watch = _unwatched) -> list[Done]:
    """Remove quarantined records for good, after counts and checksums of them were written to the ledger.

    Raises:
        PipelineError: codes `no-ledger`, `already-running`, and `not-supported` for a sink that cannot remove rows.
        StillwellError: when a sink fails; the next expiry goes on after what is done.
    """
    _refuse_lasting(plan)
    return _run(plan, "expire", selection, plan.job.contract, watch)


def try_replay(plan: Plan, selection: Selection, contract: Contract | None = None, watch: Watch = _unwatched) -> Done:
    """What a replay would come to. Writes nothing but what it lays out in the state folder, and removes that."""
    by = contract or plan.job.contract
    with desk(plan) as at:
        source = at.source(at.choice(selection.open_only(), at.upto()))
        source.seek(dict.fromkeys(source.partitions, Position()))
        kernel, rules = at.kernel(by), Counter[str]()
        passed = 0
        while (taken := source.read()) is not None:
            judged = kernel.judge(taken.table, history=False)
            passed += len(judged.accepted)
            rules.update(broken(judged.quarantined["reasons"]))
            watch(judged)
        return Done("replay", "", selection.open_only(), by.name, by.version, len(source), passed, _most_first(rules))


def try_expire(plan: Plan, selection: Selection) -> Done:
    """How many records an expiry would remove."""
    _refuse_lasting(plan)
    by = plan.job.contract
    with desk(plan) as at:
        source = at.source(at.choice(_still_there(selection), at.upto()))
        return Done("expire", "", selection, by.name, by.version, len(source), 0)


def _run(plan: Plan, kind: Kind, selection: Selection, contract: Contract, watch: Watch) -> list[Done]:
    with desk(plan) as at, alone(at):
        at.outcomes.open(OUTCOMES)
        done = []
        if left := at.register.unfinished():
            done.append(_performed(at, left, watch, resumed=True))
        upto = at.upto()
        meant = selection if kind == "replay" else _still_there(selection)
        if not len(at.source(at.choice(meant, upto))):
            return [*done, Done(kind, "", selection, contract.name, contract.version, 0, 0)]
        run = Numbered(kind, 0, meant, upto, digest(contract), dt.datetime.now(dt.UTC))
        # What would be refused is refused before the first line.
        _open_accepted(at, run, contract)
        at.kernel(contract)
        marks = [name for sink in (at.outcomes, *plan.job.accepted) for name in sink.marks()]
        return [*done, _performed(at, at.register.begin(run, contract.text, marks), watch, resumed=False)]


def _performed(at: Desk, run: Numbered, watch: Watch, *, resumed: bool) -> Done:
    """Bring a run to its end."""
    job, contract = at.plan.job, parse(at.register.ledger(run).contract_text(run.contract))
    retry = Retry(job.patience)
    work = Work(at.register, at.of_run(run), at.outcomes, retry=retry)
    if run.kind == "replay":
        _open_accepted(at, run, contract)
        steps = replay(run, dataclasses.replace(work, accepted=job.accepted), at.judge(run, contract))
    else:
        _refuse_lasting(at.plan)
        steps = expire(run, work, partial(_erase, at.plan))
    try:
        for judged in steps:
            watch(judged)
    except Fenced as error:
        what = f"Another process took {run.name} over while we were at it: it ends it, and accepts nothing twice."
        raise fail(Fenced, "fenced", what, "See what became of it: stillwell quarantine ls.") from error
    facts = [part.facts for intent in at.register.ledger(run).intents() for part in intent.slices]
    read, passed = sum(one.read for one in facts), sum(one.accepted for one in facts)
    rules = _rules_of(at, run) if run.kind == "replay" else {}
    return Done(run.kind, run.name, run.selection, contract.name, contract.version, read, passed, rules, resumed)


def _open_accepted(at: Desk, run: Numbered, contract: Contract) -> None:
    """Refuse a contract whose rows the accepted sinks cannot take."""
    if run.kind == "replay":
        for sink in at.plan.job.accepted:
            sink.open(accepted_schema(contract))


def _erase(plan: Plan, places: pa.Table) -> None:
    for sink in plan.job.quarantine:
        assert isinstance(sink, Erasable)
        sink.erase(places)


def _refuse_lasting(plan: Plan) -> None:
    """Refuse to expire what cannot be removed.

    Raises:
        PipelineError: code `not-supported`, with a problem for each such sink.
    """
    fix = "Keep the quarantine in delta, parquet or duckdb; of a topic, let its retention decide."
    found = [
        Problem("not-supported", f"Single rows of `{part.name}` cannot be removed.", fix, part.at, part.path)
        for part, sink in zip(plan.pipeline.quarantine, plan.job.quarantine, strict=True)
        if not isinstance(sink, Erasable)
    ]
    if found:
        raise PipelineError(found)


def _still_there(selection: Selection) -> Selection:
    """The same but for what an expiry has written down already."""
    return selection if selection.state else dataclasses.replace(selection, state=("open", "passed"))


def _rules_of(at: Desk, run: Numbered) -> Mapping[str, int]:
    """The rules by which records of a replay still fail."""
    rules = Counter[str]()
    for rows in _outcomes(at, run.name):
        rules.update(broken(rows.column("reasons")))
    return _most_first(rules)


def _outcomes(at: Desk, run: str) -> Iterator[pa.RecordBatch]:
    for rows in at.outcomes.rows(["run", "outcome", "reasons"]):
        here = pc.and_(pc.equal(rows.column("run"), run), pc.equal(rows.column("outcome"), FAILING))
        yield rows.filter(here)


def broken(reasons: pa.ChunkedArray | pa.ListArray) -> Counter[str]:
    """For each rule that rejects how many of these records broke it."""
    lists = one_array(reasons) if isinstance(reasons, pa.ChunkedArray) else reasons
    flat = pc.list_flatten(lists)
    rows = pa.table(
        {
            "record": pc.list_parent_indices(lists),
            "rule": pc.struct_field(flat, "rule"),
            "severity": pc.struct_field(flat, "severity"),
        }
    )
    rows = rows.filter(pc.not_equal(rows["severity"], "warn")).group_by(["record", "rule"]).aggregate([])
    counts = rows.group_by("rule").aggregate([([], "count_all")])
    return Counter(dict(zip(counts["rule"].to_pylist(), counts["count_all"].to_pylist(), strict=True)))


def _most_first(rules: Iterable[str] | Counter[str]) -> dict[str, int]:
    return dict(Counter(rules).most_common())
