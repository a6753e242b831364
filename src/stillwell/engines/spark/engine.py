"""The engine: what it can be told, what it cannot do, and how a job runs on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, Field

from stillwell._need import need
from stillwell.connectors.base import Options, Split
from stillwell.engines.base import Cannot, Job, Step, Summary, Watch
from stillwell.errors import PipelineError, StillwellError, fail
from stillwell.kernel import Kernel

Answer = TypeVar("Answer")


class EngineOptions(Options):
    """Where Spark is, and how much it does at a time.

    `master` is its address (`local[4]`, `spark://host:7077`), `remote` that of a Connect server (`sc://host:15002`);
    without either it is what `spark-submit` says, or else `local[*]`. `config` are its own settings. `tasks` is how
    many read side by side (all cores of a local master, else one a partition), `threads` what each of them judges with.
    `reader: native` names Spark's own connector for Kafka.
    """

    master: str | None = None
    remote: str | None = None
    config: Mapping[str, str] = {}
    tasks: Annotated[int, Field(gt=0)] | None = None
    threads: Annotated[int, Field(gt=0)] = 1
    reader: Literal["stillwell", "native"] = "stillwell"


class Engine:
    """Runs a job on Spark; this process opens the sinks and commits."""

    Options: ClassVar[type[BaseModel]] = EngineOptions
    cannot: ClassVar[Mapping[str, Cannot]] = {
        "metrics": Cannot("Its executors count no keys.", "Run it on the engine embedded."),
        "group": Cannot(
            "Executors share the partitions of one run; several runs cannot share them as well.",
            "Leave `group` out: `tasks` says how many read side by side.",
        ),
        "spool": Cannot(
            "What cannot be read again would be lost with the executor that read it.",
            "Run it on the engine embedded, into Kafka or files, and read those.",
        ),
        "memory": Cannot("Executors do not see the memory of this process.", "Read from files or Kafka."),
        "native": Cannot(
            "The connector of Spark's own has no offsets that our ledger could be held against, and it was never run.",
            "Leave `reader` out: the source of the pipeline reads Kafka inside the executors.",
        ),
    }

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def check(self, job: Job) -> None:
        """Refuse what the options ask for and is not there, before anything is started.

        Raises:
            PipelineError: codes `not-supported` and `bad-option`.
            StillwellError: code `missing-extra`, without pyspark.
        """
        options = self._options
        if options.reader == "native":
            cannot = self.cannot["native"]
            raise fail(PipelineError, "not-supported", cannot.why, cannot.fix)
        if options.master and options.remote:
            what = "A session has a master or a Connect server, not both."
            raise fail(PipelineError, "bad-option", what, "Leave one of `master` and `remote` out.")
        if job.another is None:
            raise fail(StillwellError, "internal", "The job does not say how to make its source.", "Please report it.")
        need("pyspark", who="The engine `spark`", extra="spark")
        Kernel(job.contract, format=job.source.format, threads=1, memory=job.memory).close()

    def steps(self, job: Job) -> Sequence[Step]:
        """Tasks read and judge; this process commits."""
        options = self._options
        place = options.remote or options.master or "the session of spark-submit, or local[*]"
        split = "a few partitions each" if isinstance(job.source, Split) else "one task: this source is not split"
        staging = job.state / "spark"
        return (
            Step("plan epochs", f"driver of Spark at {place}", f"plans and reports in {staging}"),
            Step("read, judge and count", f"tasks of executors, {split}", f"rows staged in {staging} until committed"),
            Step("declare, write quarantine, write accepted", "this process", "ledger and marks"),
        )

    def spread(self, work: Sequence[Callable[[], Answer]]) -> list[Answer]:
        """Do pieces of work in the executors; their answers, in their order.

        Raises:
            StillwellError: that of the first piece that raises one.
        """
        from stillwell.engines.spark.pieces import spread
        from stillwell.engines.spark.session import session

        spark, ours = session("check", self._options.master, self._options.remote, self._options.config)
        try:
            return spread(spark, work)
        finally:
            if ours:
                spark.stop()

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run until the source has finished, a `fail` rule is broken, or `stop` is set."""
        from stillwell.engines.spark.run import Run

        return Run(job, self._options, watch, stop).run()
