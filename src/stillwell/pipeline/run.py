"""Runs a plan: alone, with all doors tried before the first record, and everything given back at the end."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from stillwell.connectors.base import Shared
from stillwell.engines.base import Clearing, Progress, Summary, Watch
from stillwell.monitor.silence import listening
from stillwell.pipeline.lock import run_lock
from stillwell.pipeline.plan import Plan


def _unwatched(_progress: Progress) -> None:
    """Nobody looks."""


def run(plan: Plan, watch: Watch = _unwatched, stop: threading.Event | None = None) -> Summary:
    """Run until the source has finished, a `fail` rule is broken (of records or of windows), or `stop` is set.

    Raises:
        PipelineError: code `already-running`; or what is wrong with source and sinks, before any record is read.
        StillwellError: when a source or sink fails later; what is committed stays, and a new run goes on after it.
    """
    job = plan.job
    shared = isinstance(job.source, Shared)
    with plan.pipeline.outside.masking(), run_lock(job.pipeline, job.state, shared=shared), ExitStack() as closing:
        closing.callback(job.source.close)
        for sink in (*job.accepted, *job.quarantine):
            closing.callback(sink.close)
        for keeper in job.keepers:
            closing.callback(keeper.close)
        if isinstance(plan.engine, Clearing):
            plan.engine.clear(job)
        plan.try_doors()
        ending = stop or threading.Event()

        def see(progress: Progress) -> None:
            watch(progress)
            if plan.monitor is not None and plan.monitor.stopped is not None:
                ending.set()

        if plan.monitor is not None:
            closing.enter_context(listening(plan.monitor))
        return plan.engine.run(job, see, ending)
