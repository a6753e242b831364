"""One run of a job on Spark: finishes what an earlier run declared, starts the stream, commits what tasks staged."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stillwell.connectors.base import Informed, Split
from stillwell.delivery.again import Rejudge
from stillwell.delivery.commit import Delivery
from stillwell.delivery.memory import Memory
from stillwell.delivery.recovery import recover
from stillwell.delivery.saves import Saved, forget_older, joined, newest
from stillwell.delivery.slice import Position
from stillwell.engines._count import Count
from stillwell.engines._keeping import let_keep_up
from stillwell.engines._taken_up import VERSIONS, delivery_of, open_sinks
from stillwell.engines.base import Job, Progress, Summary, Watch
from stillwell.engines.spark.recipe import Recipe, Report
from stillwell.engines.spark.session import cores, session, told
from stillwell.engines.spark.staging import Staging
from stillwell.errors import StillwellError, fail
from stillwell.kernel import Judged
from stillwell.kernel.tally import merge

if TYPE_CHECKING:
    from stillwell.engines.spark.engine import EngineOptions

_LOG = logging.getLogger("stillwell.engines")
_POLL = 0.02
_PAUSE = 1.0
_SIGN = 5.0
"""Seconds between two signs of life."""


RETRIES = 4
"""How often in a row a stream is started again that failed before anything was committed."""


class _StreamFailed(StillwellError):
    """Spark ended the stream; what is committed stays."""


class Once:
    """Law 4, by a counter: each process counts all that it judged, and that must be what its reports say it read.

    `again` is how many records were judged and not taken: Spark asked for a task once more.
    """

    def __init__(self) -> None:
        self.again = 0
        self._judged: dict[str, int] = {}

    def add(self, reports: Sequence[Report]) -> None:
        """Take in the reports of an epoch."""
        for report in sorted(reports, key=lambda one: one.judged):
            self.again += report.judged - self._judged.get(report.process, 0) - report.read
            self._judged[report.process] = report.judged


class Run:
    """One run."""

    def __init__(self, job: Job, options: EngineOptions, watch: Watch, stop: threading.Event) -> None:
        self._job = job
        self._options = options
        self._watch = watch
        self._stop = stop
        self._count = Count()
        self._staging = Staging(job.state / "spark" / "none")
        self.once = Once()
        self._finished = False
        self._words: dict[int, str] = {}  # under which it was saved where a partition stands what rules remember

    def run(self) -> Summary:
        """Recover, then let the stream flow and commit its epochs in order, to the end."""
        job = self._job
        job.source.open()
        open_sinks(job, job.source)
        delivery = delivery_of(job, job.source, self._stop)
        self._recover(delivery)
        if self._count.stopped is None and not self._stop.is_set():
            try:
                self._stream(delivery)
            finally:
                self._staging.end()
                if self.once.again:
                    _LOG.warning("%d records were judged again: Spark ran tasks anew.", self.once.again)
        return self._count.summary(interrupted=not self._finished and self._count.stopped is None)

    def _recover(self, delivery: Delivery) -> None:
        """Finish what was declared, and see where it was saved what sequence rules remember."""
        if delivery.unkept():
            with contextlib.closing(self._job.kernel()) as kernel:
                let_keep_up(self._job, delivery, self._job.source, kernel, self._job.kernel)
        unfinished = {part.partition for intent in delivery.unfinished() for part in intent.slices}
        saved = self._finish(delivery, unfinished) if unfinished else Saved()
        if self._job.contract.sequence:
            self._words = {partition: word for partition, (_, word) in newest(delivery.settled()).items() if word}
            self._words |= dict.fromkeys(saved.offsets, saved.word)

    def _finish(self, delivery: Delivery, partitions: Collection[int]) -> Saved:
        """Finish in this process what was declared of these partitions: an epoch at most, and one that is known.

        The run that declared it may have been on another engine. What is remembered after it is saved anew, so that a
        sink that is made anew brings lost saves back.
        """
        job = self._job
        memory = Memory(job.contract, job.state, job.keys)
        with contextlib.closing(job.kernel()) as kernel:
            rejudge = Rejudge(job.accepted[0].ledger(), kernel, job.kernel, memory)
            rejudge.go_on(delivery, job.contract, partitions)
            for intent, batch, judged in recover(delivery, job.source, rejudge):
                self._count.add(judged, intent.gaps, sum(intent.forgotten.values()), recovered=True)
                self._watch(Progress(batch, judged, None, recovered=True))
                self._count.stopped = judged.stop or self._count.stopped
        memory.under(job.contract)
        return memory.save(memory.changes(partitions), delivery.positions()) if job.contract.sequence else Saved()

    def _stream(self, delivery: Delivery) -> None:
        """Let the stream flow; one that fails is started again where the sinks stand, while that brings us on."""
        failed, epochs = 0, -1
        while True:
            self._staging = Staging(self._job.state / "spark" / f"run{uuid.uuid4().hex[:12]}")
            self._staging.begin()
            try:
                self._flow(delivery)
            except _StreamFailed as error:
                failed, epochs = 1 if self._count.epochs > epochs else failed + 1, self._count.epochs
                if failed > RETRIES or self._stop.is_set():
                    raise
                _LOG.warning("%s The stream is started again.", error.problems[0].what)
                self._stop.wait(_PAUSE)
            else:
                return

    def _recipe(self, positions: dict[int, Position]) -> Recipe:
        job, options = self._job, self._options
        assert job.another is not None
        tasks, source = 1, job.source
        if isinstance(source, Split):
            # Where a partition begins that was never read is settled here, before many look at once.
            source.seek(positions)
            source.seek_only({})
            there = len(source.partitions_there())
            tasks = min(options.tasks or (None if options.remote else cores(options.master)) or there, there) or 1
        limits = replace(
            job.epoch, records=math.ceil(job.epoch.records / tasks), bytes=math.ceil(job.epoch.bytes / tasks)
        )
        return Recipe(
            folder=self._staging.folder,
            another=job.another,
            contract=job.contract.text,
            limits=limits,
            positions=positions,
            tasks=tasks,
            threads=options.threads,
            window=job.window,
            patience=job.patience,
            group=job.group,
            memory=job.memory,
            state=job.state,
            keys=job.keys,
            words=dict(self._words),
            hash_key=job.hash_key,
        )

    def _flow(self, delivery: Delivery) -> None:
        from stillwell.engines.spark.feed import feed

        options = self._options
        kind = feed(self._recipe(delivery.positions()))
        spark, ours = session(self._job.pipeline, options.master, options.remote, options.config)
        try:
            spark.dataSource.register(kind)
            query = (
                spark.readStream.format(kind.name())
                .load()
                .writeStream.format("noop")
                .queryName(f"{self._job.pipeline} {self._staging.folder.name}")
                .option("checkpointLocation", (self._staging.folder / "checkpoint").as_uri())
                .start()
            )
            try:
                self._follow(query, delivery)
            finally:
                query.stop()
        finally:
            if ours:
                spark.stop()

    def _follow(self, query: Any, delivery: Delivery) -> None:
        """Commit epochs in the order in which they were planned, as soon as all parts of one are staged."""
        number, sign = 1, 0.0
        while not self._finished and self._count.stopped is None:
            if time.monotonic() - sign > _SIGN:
                self._staging.alive()
                sign = time.monotonic()
                self._look(query)
            if self._stop.is_set():
                self._staging.stop()
            reports = self._staging.reports(number)
            if reports is None:
                if self._stop.is_set() and self._staging.plan(number) is None:
                    return
                time.sleep(_POLL)
                continue
            self._take(number, reports, delivery)
            number += 1

    def _look(self, query: Any) -> None:
        """See that Spark is well.

        Raises:
            _StreamFailed: code `engine-failed`.
        """
        if query.isActive:
            return
        error = query.exception()
        what = "Spark ended the stream." if error is None else f"Spark failed: {told(error)}"
        raise fail(_StreamFailed, "engine-failed", what, "Look into its logs, then run again: nothing is lost.")

    def _take(self, number: int, reports: Sequence[Report], delivery: Delivery) -> None:
        """Commit one epoch, if any record was read in it."""
        _refuse(reports)
        self.once.add(reports)
        self._finished = all(report.finished for report in reports)
        full = [report for report in reports if report.read]
        # A gap is told with the records behind it, which may come in a later epoch.
        gaps = tuple(gap for report in full for gap in report.gaps if gap.partition in report.ends)
        self._count.miss([gap for report in reports for gap in report.gaps])
        if full:
            judged = self._joined(number, full)
            ends = {partition: end for report in full for partition, end in report.ends.items()}
            saved = joined(self._job.state, [report.saved for report in full])
            delivery.commit(
                judged,
                ends,
                full[0].part.clock,
                gaps=gaps,
                columns=full[0].columns,
                history=saved.word,
                forgotten=saved.forgotten,
            )
            self._words |= dict.fromkeys(saved.offsets, saved.word)
            forget_older(self._job.state, saved)
            if isinstance(self._job.source, Informed):
                self._job.source.committed(ends)
            self._count.add(judged, gaps, sum(saved.forgotten.values()), recovered=False)
            self._count.stopped = judged.stop
            lags = [report.lag for report in reports]
            self._watch(Progress(None, judged, None if None in lags else sum(one or 0 for one in lags), False))
            del judged
            pa.default_memory_pool().release_unused()
        self._staging.committed(number)

    def _joined(self, number: int, reports: Sequence[Report]) -> Judged:
        """What all tasks of an epoch said, as one."""
        stops = [report.stop for report in reports if report.stop is not None]
        return Judged(
            accepted=self._staging.rows(number, [report.accepted for report in reports]),
            quarantined=self._staging.rows(number, [report.quarantined for report in reports]),
            verdicts=pa.concat_arrays([report.verdicts for report in reports]),
            tally=merge([report.tally for report in reports if report.tally is not None]),
            facts={partition: facts for report in reports for partition, facts in report.facts.items()},
            stop=min(stops, key=lambda stop: (stop.partition, stop.offset)) if stops else None,
        )


def _refuse(reports: Sequence[Report]) -> None:
    """Raise what kept a task from its work; refuse executors that might judge otherwise than we do.

    Raises:
        StillwellError: that of the task; code `other-versions`.
    """
    for report in reports:
        if report.failure is not None:
            kind, problems = report.failure
            raise kind(problems)
        if report.versions != VERSIONS:
            there, here = (", ".join(f"{name} {one[name]}" for name in VERSIONS) for one in (report.versions, VERSIONS))
            what = f"{report.process} has {there}, and this process {here}: verdicts could differ."
            raise fail(StillwellError, "other-versions", what, "Install the same versions on every machine.")
