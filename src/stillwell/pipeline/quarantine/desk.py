"""Brings together what every work on a quarantine takes: its rows, their outcomes, and the ledger of replays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from stillwell._version import __version__
from stillwell.connectors.base import Neighbour, Sink
from stillwell.contract.digest import digest
from stillwell.contract.model import Contract
from stillwell.delivery.again import Rejudge
from stillwell.delivery.choice import Choice
from stillwell.delivery.numbered import Numbered, Register, ends
from stillwell.delivery.quarantined import BYTES, RECORDS, Quarantined, headers
from stillwell.delivery.selection import Selection
from stillwell.errors import PipelineError, fail
from stillwell.kernel import Kernel
from stillwell.pipeline.lock import run_lock
from stillwell.pipeline.plan import Plan

FOLDER = "quarantine"
"""Where replays keep their lock and what they lay out, in the state folder."""


@dataclass(frozen=True)
class Desk:
    """What a pipeline has quarantined, and what became of it. Everything is given back when `closing` is closed."""

    plan: Plan
    rows: Sink
    outcomes: Sink
    register: Register
    origin: str
    closing: ExitStack
    kernels: dict[str, Kernel] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where replays keep what is theirs."""
        return self.plan.job.state / FOLDER

    def upto(self) -> Mapping[int, int]:
        """Below which offsets every quarantine sink holds all that belongs there, while a run may be adding more."""
        job = self.plan.job
        return ends([sink.marks() for sink in job.quarantine], job.pipeline, self.origin)

    def choice(
        self, selection: Selection, upto: Mapping[int, int] | None = None, without: Sequence[str] = ()
    ) -> Choice:
        """Which rows a selection means, by the outcomes of all runs but some."""
        made = Choice(selection, self.outcomes, upto, without)
        self.closing.callback(made.close)
        return made

    def source(self, choice: Choice) -> Quarantined:
        """The chosen records, to be judged again."""
        form, epoch = self.plan.job.source.format, self.plan.job.epoch
        folder = self.folder / f"laid-{os.getpid()}-{id(choice)}"
        told = form.name != "csv" or form.options.get("header")
        known = None if told else headers(self.plan.job.accepted[0].ledger().intents())
        records, size = min(epoch.records, RECORDS), min(epoch.bytes, BYTES)
        made = Quarantined(self.rows, choice, folder, headers=known, records=records, size=size)
        self.closing.callback(made.close)
        return made

    def of_run(self, run: Numbered) -> Quarantined:
        """The records that a run is about, as far as they are still there."""
        runs = self.register.runs()
        later = [one.name for one in runs[runs.index(run) :]]
        source = self.source(self.choice(run.selection, run.upto, later))
        source.via = run.name if run.kind == "replay" else ""
        return source

    def kernel(self, contract: Contract) -> Kernel:
        """A kernel that judges quarantined records by a contract."""
        job, name = self.plan.job, digest(contract)
        if name not in self.kernels:
            kernel = Kernel(contract, format=job.source.format, hash_key=job.hash_key, memory=job.memory)
            self.closing.callback(kernel.close)
            self.kernels[name] = kernel
        return self.kernels[name]

    def judge(self, run: Numbered, contract: Contract) -> Rejudge:
        """The judge of a run, which begins with its contract."""
        return Rejudge(self.register.ledger(run), self.kernel(contract), self.kernel)


@contextmanager
def desk(plan: Plan) -> Iterator[Desk]:
    """The desk of a pipeline. Nothing is created.

    Raises:
        PipelineError: code `no-ledger`, when the pipeline has not run yet; `not-supported`, when no sink can have the
            outcomes beside it.
    """
    job = plan.job
    with plan.pipeline.outside.masking(), ExitStack() as closing:
        for sink in (*job.accepted, *job.quarantine):
            closing.callback(sink.close)
        origins = [one.source for one in job.accepted[0].ledger().intents() if one.pipeline == job.pipeline]
        if not origins:
            what = f"The pipeline {job.pipeline} has not written anything yet."
            fix = "Run it first: stillwell run."
            raise fail(PipelineError, "no-ledger", what, fix, where=plan.pipeline.where("accepted"))
        outcomes = outcomes_of(plan)
        if outcomes is None:
            part, other = plan.pipeline.quarantine[0], plan.pipeline.accepted[0]
            what = f"Neither `{part.name}` nor `{other.name}` can keep outcomes beside it."
            raise fail(
                PipelineError, "not-supported", what, "Keep one of them in delta.", where=part.at, path=part.path
            )
        closing.callback(outcomes.close)
        register = Register(outcomes.ledger(), job.pipeline, origins[-1], versions())
        yield Desk(plan, job.quarantine[0], outcomes, register, origins[-1], closing)


@contextmanager
def alone(at: Desk) -> Iterator[None]:
    """Let no other replay or expiry begin on this machine while this lasts; what killed ones left is swept out.

    Raises:
        PipelineError: code `already-running`.
    """
    job = at.plan.job
    with ExitStack() as held:
        try:
            held.enter_context(run_lock(job.pipeline, at.folder))
        except PipelineError as error:
            what = f"The quarantine of `{job.pipeline}` is worked on by another replay or expiry."
            raise fail(PipelineError, "already-running", what, "Wait for it to end, then start again.") from error
        for left in at.folder.glob("laid-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def outcomes_of(plan: Plan) -> Sink | None:
    """Where outcomes go: beside the first quarantine sink, or else beside the first accepted one."""
    sinks = (plan.job.quarantine[0], plan.job.accepted[0])
    return next((sink.beside("outcomes") for sink in sinks if isinstance(sink, Neighbour)), None)


def versions() -> Mapping[str, str]:
    """The libraries that a verdict may depend on."""
    return {"stillwell": __version__, "duckdb": duckdb.__version__, "pyarrow": pa.__version__}
