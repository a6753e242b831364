"""The engine: makes a kernel of a job, and runs it in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from pydantic import BaseModel

from stillwell.connectors._spool import Spool
from stillwell.connectors.base import Options
from stillwell.engines.base import Cannot, Job, Step, Summary, Watch
from stillwell.engines.embedded.run import Run


class EngineOptions(Options):
    """`threads` of the kernel; all cores where it is not said."""

    threads: int | None = None


class Engine:
    """Runs a job in this process."""

    Options: ClassVar[type[BaseModel]] = EngineOptions
    cannot: ClassVar[Mapping[str, Cannot]] = {
        "native": Cannot("It brings no connectors of its own.", "The source of the pipeline is read.")
    }

    def __init__(self, options: EngineOptions) -> None:
        self._threads = options.threads

    def check(self, job: Job) -> None:
        """Everything that the kernel judges runs here."""
        job.kernel(threads=self._threads).close()

    def steps(self, job: Job) -> Sequence[Step]:
        """Three threads of this process."""
        spool = "" if job.source.replayable else f"spool in {job.state / 'spool'}"
        return (
            Step("read", "thread `reader` of this process, all partitions", spool),
            Step("judge and count", f"threads `kernel` of this process ({self._threads or 'one a core'})"),
            Step("declare, write quarantine, write accepted", "thread `writer` of this process", "ledger and marks"),
        )

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run until the source has finished, a `fail` rule is broken, or `stop` is set."""
        source = job.source if job.source.replayable else Spool(job.source, job.state / "spool")
        return Run(job, source, partial(job.kernel, threads=self._threads), watch, stop).run()
