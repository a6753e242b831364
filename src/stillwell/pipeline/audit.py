"""Audits a pipeline: brings source, ledger and sinks together for the proof of `stillwell.delivery.audit`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from stillwell.connectors._spool import Kept
from stillwell.connectors.base import Sink
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.again import Readable, Rejudge
from stillwell.delivery.audit import Aftermath, Audit, Audited, Judge, Later
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory import Memory
from stillwell.delivery.numbered import Numbered
from stillwell.delivery.replay import rehearing
from stillwell.errors import ConnectorError, PipelineError, StillwellError, fail
from stillwell.kernel import Kernel
from stillwell.pipeline.lock import still
from stillwell.pipeline.model import Part
from stillwell.pipeline.plan import Plan
from stillwell.pipeline.quarantine.desk import Desk, desk, outcomes_of

_WITHOUT = "What the ledger alone can tell: stillwell audit --without-source."


def audit(plan: Plan, *, without_source: bool = False) -> Audited:
    """Prove that no record was lost, doubled or altered, or name which was. Writes nothing.

    What the source has no longer, or all of it with `without_source`, is held against the ledger's checksums alone.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet; `other-source`, when the source is not the
            one that was read.
        StillwellError: when the source or a sink cannot be read.
    """
    with plan.pipeline.outside.masking(), ExitStack() as closing:
        closing.callback(plan.job.source.close)
        for sink in (*plan.job.accepted, *plan.job.quarantine):
            closing.callback(sink.close)
        return _audit(plan, closing, without_source=without_source)


def _audit(plan: Plan, closing: ExitStack, *, without_source: bool) -> Audited:
    job, pipeline = plan.job, plan.pipeline
    ledger = job.accepted[0].ledger()
    intents = [intent for intent in ledger.intents() if intent.pipeline == job.pipeline]
    if not intents:
        what = f"The pipeline {job.pipeline} has not written anything yet."
        raise fail(PipelineError, "no-ledger", what, "Run it first: stillwell run.", where=pipeline.where("accepted"))

    def make(contract: Contract) -> Kernel:
        kernel = Kernel(contract, format=job.source.format, hash_key=job.hash_key, memory=job.memory)
        closing.callback(kernel.close)
        return kernel

    # What a run writes meanwhile would look as if nobody had declared it.
    closing.enter_context(still(job.pipeline, job.state))
    aftermath = _aftermath(plan, closing)
    source, own = (None, intents) if without_source else _readable(plan, intents)
    accepted, quarantine = _named(pipeline.accepted, job.accepted), _named(pipeline.quarantine, job.quarantine)
    judge = Rejudge(ledger, make(job.contract), make, Memory(job.contract, most=job.keys))
    return Audit(own, accepted, quarantine, source, judge, aftermath).run()


def _aftermath(plan: Plan, closing: ExitStack) -> Aftermath | None:
    """What replays and expiries did with what was quarantined, all of which stand still now."""
    if outcomes_of(plan) is None:
        return None
    at = closing.enter_context(desk(plan))
    closing.enter_context(still(plan.job.pipeline, at.folder))
    runs = [
        Later(run.name, at.register.ledger(run).intents(), partial(_again, at, run) if run.kind == "replay" else None)
        for run in at.register.runs()
    ]
    left = at.register.unfinished()
    return Aftermath(at.outcomes, runs, left.name if left else None)


def _again(at: Desk, run: Numbered) -> tuple[Readable, Judge]:
    """What reads the records of a replay from the quarantine, and judges them as that replay did."""
    contract = parse(at.register.ledger(run).contract_text(run.contract))
    return at.of_run(run), rehearing(run, at.judge(run, contract))


def _readable(plan: Plan, intents: Sequence[Intent]) -> tuple[Readable, Sequence[Intent]]:
    """The source to read again, or its spool where it cannot be; with the intents that are about it.

    Raises:
        StillwellError: when it cannot be opened, or is not the one that was read (`other-source`).
    """
    source = plan.job.source
    if source.replayable:
        _open(plan)
    own = [one for one in intents if one.source == source.identity]
    if not own:
        what = f"The tables hold what was read from {intents[-1].source}; now the source is {source.identity}."
        where, fix = plan.pipeline.where("source"), f"Bring the source back as it was. {_WITHOUT}"
        raise fail(PipelineError, "other-source", what, fix, where=where)
    return (source if source.replayable else Kept(plan.job.state / "spool")), own


def _open(plan: Plan) -> None:
    """Open the source, or say with its own error why nothing can be told, and what can be told all the same."""
    try:
        plan.job.source.open()
    except StillwellError as error:
        where = plan.pipeline.where("source")
        raise ConnectorError(
            replace(one, fix=f"{one.fix} {_WITHOUT}", where=one.where if str(one.where) else where)
            for one in error.problems
        ) from error
    except OSError as error:
        what, where = f"The source cannot be read: {error}.", plan.pipeline.where("source")
        raise fail(ConnectorError, "unreadable", what, _WITHOUT, where=where) from error


def _named(parts: Sequence[Part], sinks: Sequence[Sink]) -> dict[str, Sink]:
    """The sinks by the names that findings show: where each stands in the pipeline file."""
    return {part.path: sink for part, sink in zip(parts, sinks, strict=True)}
