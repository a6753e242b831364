"""The engine: makes a kernel of a job, and runs it in this process."""

from __future__ import annotations

import threading
from functools import partial
from typing import ClassVar

from pydantic import BaseModel

from stillwell.connectors._spool import Spool
from stillwell.connectors.base import Options
from stillwell.contract.model import Contract
from stillwell.engines.base import Job, Summary, Watch
from stillwell.engines.embedded.run import Run
from stillwell.kernel import Kernel


class EngineOptions(Options):
    """`threads` of the kernel; all cores where it is not said."""

    threads: int | None = None


class Engine:
    """Runs a job in this process."""

    Options: ClassVar[type[BaseModel]] = EngineOptions

    def __init__(self, options: EngineOptions) -> None:
        self._threads = options.threads

    def check(self, job: Job) -> None:
        """Everything that the kernel judges runs here."""
        self._kernel(job).close()

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run until the source has finished, a `fail` rule is broken, or `stop` is set."""
        source = job.source if job.source.replayable else Spool(job.source, job.state / "spool")
        return Run(job, source, partial(self._kernel, job), watch, stop).run()

    def _kernel(self, job: Job, contract: Contract | None = None) -> Kernel:
        return Kernel(
            contract or job.contract,
            format=job.source.format,
            window=job.window,
            group=job.group,
            hash_key=job.hash_key,
            threads=self._threads,
            memory=job.memory,
        )
