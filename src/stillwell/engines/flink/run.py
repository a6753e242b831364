"""One run of a job: from the marks of its sinks, through Flink, to its end; what an earlier run left is ended first."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.native import NativeSource
from stillwell.contract.digest import digest
from stillwell.delivery.slice import Position
from stillwell.engines._count import Count
from stillwell.engines._taken_up import VERSIONS
from stillwell.engines.base import Job, Progress, Summary, Watch
from stillwell.engines.flink.carry import Carry
from stillwell.engines.flink.gateway import connector, end_transactions, failed, failing, java, pyflink
from stillwell.engines.flink.job import Layout, insertion, table_environment
from stillwell.engines.flink.options import EngineOptions
from stillwell.engines.flink.remembered import let_go, remembering
from stillwell.engines.flink.target import Target
from stillwell.engines.flink.tidings import Tidings, Told
from stillwell.engines.flink.writes import Remembering, Writes
from stillwell.engines.flink.written import Written
from stillwell.kernel.base import Judged
from stillwell.kernel.program import accepted_schema, quarantine_schema

_STEP = 0.5


class News(Protocol):
    """What tells of the epochs that every sink holds."""

    def new(self) -> Iterable[tuple[Told, Judged]]:
        """Those since."""
        ...

    def rest(self) -> Iterable[tuple[Told, Judged]]:
        """Those that are left when the job has ended."""
        ...


class Run:
    """One run."""

    def __init__(self, job: Job, options: EngineOptions, watch: Watch, stop: threading.Event) -> None:
        self._job = job
        self._options = options
        self._watch = watch
        self._stop = stop
        self._target = Target.of(job, options)
        if options.restore is not None:
            # A transaction of the checkpoint that is restored is open until Flink ends it.
            for sink in (self._target.accepted, self._target.quarantine):
                sink.glimpse()
        self._count = Count()

    def clear(self) -> None:
        """End the transactions that a killed run left open; what a checkpoint to be restored would end stays."""
        gateway = java(self._folder / "log", self._options.heap)
        if self._options.restore is None:
            end_transactions(gateway, self._target.keys, self._target.prefix)

    def run(self) -> Summary:
        """Finish what was declared, start the job, and tell what it commits until it ends."""
        job, target = self._job, self._target
        job.source.open()
        schemas = accepted_schema(job.contract), quarantine_schema(None)
        accepted, quarantine = {target.accepted, *job.accepted}, {target.quarantine, *job.quarantine}
        for sinks, schema in zip((accepted, quarantine), schemas, strict=True):
            for sink in sinks:
                sink.open(schema)
        target.accepted.make_ledger()
        written = Written(job, target, self._stop)
        positions = self._positions(written)
        layout = self._layout(positions, self._remembering(written))
        with ExitStack() as closing:
            for sink in (target.accepted, target.quarantine):
                closing.callback(sink.close)
            news = self._news(written, closing, schemas)
            with failing("Flink does not take the job"):
                client = table_environment(layout).execute_sql(insertion(layout)).get_job_client()
            self._follow(client, news)
        ended = self._stop.is_set() and self._count.stopped is None
        return self._count.summary(interrupted=ended)

    def _positions(self, written: Written) -> dict[int, Position]:
        """Where Flink goes on, after all that was declared of the pipeline's own sinks is written."""
        # What hides the marks of a job to be restored would look like rows that are missing.
        for intent, batch, judged in () if self._options.restore else written.recover():
            self._count.add(judged, intent.gaps, sum(intent.forgotten.values()), recovered=True)
            self._watch(Progress(batch, judged, self._job.source.lag(), recovered=True))
            self._count.stopped = judged.stop or self._count.stopped
        return written.positions()

    def _news(self, written: Written, closing: ExitStack, schemas: tuple[pa.Schema, pa.Schema]) -> News:
        """What tells of epochs: the tallies, or what carries on into the sinks that Flink cannot write."""
        target, one = self._target, self._target.accepted.native()
        cluster = Cluster(one.access, one.place)
        tidings = Tidings(one.access, one.place, target.topics.tallies)
        closing.callback(tidings.close)
        tidings.begin()
        if target.final:
            return tidings
        group = f"stillwell-{self._job.pipeline}-carry"
        carry = Carry(cluster, target.topics, schemas, group, written.delivery, written.again)
        closing.callback(carry.close)
        return carry

    @property
    def _folder(self) -> Path:
        return self._job.state / "flink"

    def _remembering(self, written: Written) -> Remembering | None:
        """Where tasks save what sequence rules remember, if there are any."""
        job = self._job
        if not job.contract.sequence:
            return None
        return remembering(job.state, job.keys, written.saved(), restored=self._options.restore is not None)

    def _layout(self, positions: Mapping[int, Position], remembering: Remembering | None = None) -> Layout:
        job, target = self._job, self._target
        source: NativeSource = job.source.native(positions)  # type: ignore[attr-defined]
        self._count.miss(source.gaps)
        writes = Writes(
            pipeline=job.pipeline,
            source=job.source.identity,
            topic=source.topic,
            contract_text=job.contract.text,
            contract=digest(job.contract),
            versions=VERSIONS,
            topics=target.topics,
            positions={one: position.offset for one, position in positions.items()},
            format=job.source.format,
            window=job.window,
            group=job.group,
            key=target.accepted.native().key,
            memory=job.memory,
            hash_key=job.hash_key,
            remembering=remembering,
        )
        config = self._config(source)
        return Layout(source, writes, target.keys, target.accepted.native().compression, target.prefix, config)

    def _config(self, source: NativeSource) -> dict[str, str]:
        job, options = self._job, self._options
        python = options.python or sys.executable
        tasks = options.parallelism or min(len(source.begins) or 1, os.cpu_count() or 1)
        place = options.checkpoints or (self._folder / "checkpoints").as_uri()
        found = {
            "restart-strategy.type": "failure-rate",
            "restart-strategy.failure-rate.max-failures-per-interval": "10",
            "restart-strategy.failure-rate.failure-rate-interval": "2 min",
            "restart-strategy.failure-rate.delay": "1 s",
            **{key: str(value) for key, value in options.config.items()},
            "pipeline.name": f"stillwell {job.pipeline}",
            "pipeline.jars": connector().as_uri(),
            "pipeline.object-reuse": "true",
            "parallelism.default": str(tasks),
            "python.executable": python,
            "python.client.executable": sys.executable,
            # A batch ends at whichever comes first; what waits is flushed at every checkpoint too.
            "python.fn-execution.arrow.batch.size": str(options.batch),
            "python.fn-execution.bundle.size": str(options.batch),
            "python.fn-execution.bundle.time": str(max(50, int(job.epoch.wait.total_seconds() * 500))),
            "execution.checkpointing.interval": f"{max(100, int(job.epoch.wait.total_seconds() * 1000))} ms",
            "execution.checkpointing.dir": place,
            "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
            "execution.checkpointing.savepoint-dir": place,
            "table.local-time-zone": "UTC",
        }
        if options.restore:
            found["execution.state-recovery.path"] = options.restore
        if options.cluster:
            host, _, port = options.cluster.rpartition(":")
            found |= {"execution.target": "remote", "rest.address": host, "rest.port": port}
        return found

    def _follow(self, client: Any, news: News) -> None:
        """Tell what is committed until the job has ended; end it where somebody says stop, or a `fail` rule does."""
        over = client.get_job_execution_result()
        asked = False
        try:
            while not over.done():
                self._tell(news.new())
                if not asked and (self._stop.is_set() or self._count.stopped is not None):
                    asked = self._end(client, over)
        except BaseException:
            client.cancel()
            raise
        self._tell(news.rest())
        try:
            over.result()
        except Exception as error:  # noqa: BLE001 - py4j raises what Java does, of many classes
            if not asked:
                raise failed("The job failed", str(error)) from None

    def _end(self, client: Any, over: Any) -> bool:
        """Stop the job with a savepoint, which commits what was judged; whether that succeeded."""
        # PyFlink's own way calls what Java has no more.
        kind = pyflink("java_gateway").get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
        place = self._options.checkpoints or (self._folder / "checkpoints").as_uri()
        ending = client._j_job_client.stopWithSavepoint(False, place, kind)
        while not (ending.isDone() or over.done()):
            time.sleep(_STEP)
        # A job that has not begun cannot be stopped yet.
        return over.done() or not ending.isCompletedExceptionally()

    def _tell(self, news: Iterable[tuple[Told, Judged]]) -> None:
        for told, judged in news:
            self._count.add(judged, told.intent.gaps, sum(told.intent.forgotten.values()), recovered=False)
            self._count.stopped = self._count.stopped or told.stop
            let_go(self._job.state, told.intent)
            self._watch(Progress(None, judged, None, recovered=False))
