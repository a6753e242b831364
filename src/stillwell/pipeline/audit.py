"""Audits a pipeline: brings source, ledger and sinks together for the proof of `stillwell.delivery.audit`."""

from __future__ import annotations

from collections.abc import Sequence

from stillwell.connectors._spool import Spool
from stillwell.connectors.base import Sink, Source
from stillwell.contract.model import Contract
from stillwell.delivery.again import Rejudge
from stillwell.delivery.audit import Audit, Audited
from stillwell.errors import PipelineError, StillwellError, fail
from stillwell.kernel import Kernel
from stillwell.pipeline.model import Part
from stillwell.pipeline.plan import Plan


def audit(plan: Plan) -> Audited:
    """Prove that no record was lost, doubled or altered, or name which was. Writes nothing.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet.
        StillwellError: when a sink cannot be read.
    """
    job, pipeline = plan.job, plan.pipeline
    ledger = job.accepted[0].ledger()
    intents = ledger.intents()
    if not intents:
        what = f"The pipeline {job.pipeline} has not written anything yet."
        raise fail(PipelineError, "no-ledger", what, "Run it first: stillwell run.", where=pipeline.where("accepted"))
    source = _readable(plan)

    def make(contract: Contract) -> Kernel:
        return Kernel(contract, format=job.source.format, hash_key=job.hash_key, memory=job.memory)

    kernel = make(job.contract)
    try:
        own = [one for one in intents if source is None or one.source == source.identity]
        accepted, quarantine = _named(pipeline.accepted, job.accepted), _named(pipeline.quarantine, job.quarantine)
        judge = Rejudge(ledger, kernel, make)
        return Audit(own or intents, accepted, quarantine, source if own else None, judge).run()
    finally:
        kernel.close()
        job.source.close()
        for sink in (*job.accepted, *job.quarantine):
            sink.close()


def _readable(plan: Plan) -> Source | None:
    """The source to read again: its spool where it cannot be, None where it is gone altogether."""
    source = plan.job.source
    if not source.replayable:
        return Spool(source, plan.job.state / "spool", live=False)
    try:
        source.open()
    except (StillwellError, OSError):
        return None
    return source


def _named(parts: Sequence[Part], sinks: Sequence[Sink]) -> dict[str, Sink]:
    """The sinks by the names that findings show: the path of each in the pipeline file and its kind."""
    return {f"{part.path} ({part.name})": sink for part, sink in zip(parts, sinks, strict=True)}
