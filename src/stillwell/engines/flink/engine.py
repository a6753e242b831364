"""The engine: plans what Flink writes itself and what is written after it, and runs both to the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from stillwell.connectors.kafka.sink import Sink as KafkaSink
from stillwell.connectors.kafka.source import Source as KafkaSource
from stillwell.engines.base import Cannot, Job, Step, Summary, Watch
from stillwell.engines.flink.options import EngineOptions
from stillwell.engines.flink.properties import properties
from stillwell.engines.flink.run import Run
from stillwell.errors import PipelineError, fail
from stillwell.kernel import Kernel

_COST = "Each record is written and read once more, and one process must keep up with the whole job."
_EMBEDDED = "Use the embedded engine."


class Engine:
    """Runs a job on Flink."""

    Options: ClassVar[type[BaseModel]] = EngineOptions
    cannot: ClassVar[Mapping[str, Cannot]] = {
        "windows": Cannot(
            "It commits without the process that runs the pipeline, which could miss what an epoch counted.",
            _EMBEDDED,
        ),
        "metrics": Cannot("It counts no keys.", _EMBEDDED),
        "group": Cannot("It shares the partitions among its own tasks.", "Leave `group` out."),
        "spool": Cannot("It reads Kafka alone.", _EMBEDDED),
        "memory": Cannot("It reads Kafka alone.", _EMBEDDED),
        "other_sources": Cannot("It reads Kafka alone.", "Use the embedded engine, or Spark."),
        "parts_of_topics": Cannot("It takes all partitions of one topic.", "Name one topic, without `partitions`."),
        "several_sinks": Cannot(
            "It writes one topic of accepted rows and one of rejected ones, in one transaction.",
            "Name one sink of each; a pipeline of its own can read the topic and write it elsewhere.",
        ),
    }

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def check(self, job: Job) -> None:
        """Refuse sinks that Flink cannot write, unless they are reached through Kafka."""
        if not isinstance(job.source, KafkaSource):
            return  # which `cannot` has refused
        accepted, quarantine = job.accepted[0], job.quarantine[0]
        native = isinstance(accepted, KafkaSink) and isinstance(quarantine, KafkaSink)
        if not native and self._options.through is None:
            raise fail(
                PipelineError,
                "not-supported",
                "Flink writes Kafka exactly once, and none of the other sinks.",
                "Say `engine: {flink: {through: {brokers: …, topic: NAME}}}`: it writes NAME.accepted and "
                f"NAME.quarantine, from where this process carries on into the sinks. {_COST}",
            )
        if native:
            one, other = accepted.native(), quarantine.native()  # type: ignore[attr-defined]
            if properties(one.access, one.place) != properties(other.access, other.place):
                what = "Accepted rows and rejected ones go to different brokers, which no transaction spans."
                raise fail(PipelineError, "not-supported", what, "Write both to one cluster.")
        Kernel(job.contract, format=job.source.format).close()

    def warnings(self, _job: Job) -> Sequence[str]:
        """What the way through Kafka costs."""
        if self._options.through is None:
            return ()
        topic = self._options.through.topic
        return (f"engine.flink.through  Flink writes {topic}.accepted and {topic}.quarantine first. {_COST}",)

    def steps(self, _job: Job) -> Sequence[Step]:
        """What runs in Flink, and what after it in this process."""
        where = f"cluster {self._options.cluster}" if self._options.cluster else "mini-cluster in this process"
        tasks = f"{self._options.parallelism or 'one a partition, up to one a core,'} tasks of the {where}"
        parts = [
            Step("read", f"Flink's Kafka source, {tasks}", "offsets in Flink's checkpoints, which follow the marks"),
            Step("judge and count", f"Python workers beside the tasks, Arrow batches of {self._options.batch:,}"),
            Step("write rows, letters, marks, ledger", "Flink's Kafka sink, one transaction a task and checkpoint"),
        ]
        if self._options.through is not None:
            parts.append(Step("carry on into the sinks", "one thread of this process", "ledger and marks of the sinks"))
        return tuple(parts)

    def clear(self, job: Job) -> None:
        """End the transactions that a killed run left open: nobody could read what lies behind them."""
        Run(job, self._options, lambda _: None, threading.Event()).clear()

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run until the source has finished, a `fail` rule is broken, or `stop` is set."""
        return Run(job, self._options, watch, stop).run()
