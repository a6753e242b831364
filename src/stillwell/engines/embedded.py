"""The embedded engine: one process; reading, judging and writing overlap through bounded queues."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
from pydantic import BaseModel

from stillwell._version import __version__
from stillwell.connectors._spool import Spool
from stillwell.connectors.base import Options, Source
from stillwell.contract.digest import digest
from stillwell.contract.model import Contract
from stillwell.delivery.again import CHUNK, Rejudge
from stillwell.delivery.commit import Delivery, Identity
from stillwell.delivery.recovery import recover
from stillwell.delivery.slice import Position
from stillwell.engines.base import Job, Progress, Summary, Watch
from stillwell.kernel import Judged, Kernel
from stillwell.kernel.base import Stop
from stillwell.kernel.program import accepted_schema, quarantine_schema
from stillwell.kernel.tally import Tally

_POLL = 0.05


@dataclass(frozen=True)
class _Epoch:
    """Records read together, and the positions after them."""

    table: pa.Table
    ends: Mapping[int, Position]


@dataclass
class _Count:
    """The running totals of a run."""

    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    warned: int = 0
    repaired: int = 0
    epochs: int = 0
    recovered: int = 0
    tally: Tally | None = None
    stopped: Stop | None = None
    began: float = field(default_factory=time.monotonic)

    def add(self, judged: Judged, *, recovered: bool) -> None:
        self.read += judged.read
        self.accepted += len(judged.accepted)
        self.quarantined += len(judged.quarantined)
        self.warned += judged.tally.count("warned")
        self.repaired += judged.tally.count("repaired")
        self.epochs += 1
        self.recovered += recovered
        total = judged.tally.total()
        self.tally = total if self.tally is None else self.tally.merge(total)

    def summary(self, *, interrupted: bool) -> Summary:
        return Summary(
            read=self.read,
            accepted=self.accepted,
            quarantined=self.quarantined,
            warned=self.warned,
            repaired=self.repaired,
            epochs=self.epochs,
            recovered=self.recovered,
            seconds=time.monotonic() - self.began,
            tally=self.tally,
            stopped=self.stopped,
            interrupted=interrupted,
        )


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
        return _Run(job, source, partial(self._kernel, job), watch, stop).run()

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


class _Run:
    """One run: a thread reads epochs, this one judges them, another commits them."""

    def __init__(
        self, job: Job, source: Source, make: Callable[[Contract], Kernel], watch: Watch, stop: threading.Event
    ) -> None:
        self._job = job
        self._source = source
        self._make = make
        self._kernel = make(job.contract)
        self._watch = watch
        self._stop = stop
        self._over = threading.Event()
        self._read: queue.Queue[_Epoch | None] = queue.Queue(1)
        self._judged: queue.Queue[tuple[_Epoch, Judged, dt.datetime] | None] = queue.Queue(1)
        self._failures: list[BaseException] = []
        self._count = _Count()

    def run(self) -> Summary:
        """Recover what an earlier run left, then read, judge and commit to the end."""
        with contextlib.closing(self._kernel):
            self._source.open()
            delivery = self._open()
            if self._count.stopped is None:
                self._source.seek(delivery.positions())
                self._flow(delivery)
        if self._failures:
            raise self._failures[0]
        return self._count.summary(interrupted=not self._source.finished and self._count.stopped is None)

    def _flow(self, delivery: Delivery) -> None:
        """Read, judge and commit, each in a thread; all have ended when this returns."""
        threads = [
            threading.Thread(target=self._guarded, args=(self._reader,), name="reader"),
            threading.Thread(target=self._guarded, args=(lambda: self._writer(delivery),), name="writer"),
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._judge)
        self._over.set()
        for thread in threads:
            thread.join()

    def _open(self) -> Delivery:
        """Open the sinks, and finish what an earlier run left unfinished."""
        job = self._job
        for sink in job.accepted:
            sink.open(accepted_schema(job.contract))
        for sink in job.quarantine:
            sink.open(quarantine_schema(getattr(self._source, "record_type", None)))
        versions = {"stillwell": __version__, "duckdb": duckdb.__version__, "pyarrow": pa.__version__}
        identity = Identity(job.pipeline, self._source.identity, digest(job.contract), job.contract.text, versions)
        ledger = job.accepted[0].ledger()
        delivery = Delivery(identity, ledger, job.quarantine, job.accepted)
        for batch, judged in recover(delivery, self._source, Rejudge(ledger, self._kernel, self._make)):
            self._written(batch, judged, recovered=True)
            # The run that met this rule died before it could tell.
            self._count.stopped = judged.stop or self._count.stopped
        return delivery

    def _reader(self) -> None:
        """Gather chunks into epochs; what was gathered is an epoch too when the run is asked to stop."""
        limits, wait = self._job.epoch, self._job.epoch.wait.total_seconds()
        parts: list[pa.Table] = []
        ends: dict[int, Position] = {}
        records = size = 0
        opened = time.monotonic()

        def close() -> None:
            nonlocal parts, ends, records, size
            if parts:
                epoch = _Epoch(pa.concat_tables(parts), ends)
                parts, ends, records, size = [], {}, 0, 0
                self._put(self._read, epoch)

        while not (self._stop.is_set() or self._over.is_set() or self._source.finished):
            chunk = self._source.read(min(CHUNK, limits.records - records))
            if chunk is not None and len(chunk.table):
                if not parts:
                    opened = time.monotonic()
                elif not parts[0].schema.equals(chunk.table.schema, check_metadata=True):
                    # Other columns, or the same text with another header.
                    close()
                    opened = time.monotonic()
                parts.append(chunk.table)
                ends |= chunk.ends
                records += len(chunk.table)
                size += chunk.table.nbytes
            full = records >= limits.records or size >= limits.bytes
            if full or (parts and time.monotonic() - opened >= wait):
                close()
        close()
        self._put(self._read, None)

    def _judge(self) -> None:
        """Judge epochs in the order they were read, up to the first that breaks a `fail` rule."""
        while (epoch := self._get(self._read)) is not None:
            clock = dt.datetime.now(dt.UTC)
            judged = self._kernel.judge(epoch.table, clock)
            self._put(self._judged, (epoch, judged, clock))
            self._count.stopped = judged.stop
            # Memory is bounded by the epochs under way: none may live on while the next is waited for.
            del epoch, judged
            if self._count.stopped is not None:
                break
        self._put(self._judged, None)

    def _writer(self, delivery: Delivery) -> None:
        """Commit epochs in the order they were judged."""
        while (item := self._get(self._judged)) is not None:
            epoch, judged, clock = item
            delivery.commit(judged, epoch.ends, clock)
            if isinstance(self._source, Spool):
                self._source.committed(epoch.ends)
            self._written(epoch.table, judged, recovered=False)
            del item, epoch, judged
            pa.default_memory_pool().release_unused()

    def _written(self, batch: pa.Table, judged: Judged, *, recovered: bool) -> None:
        self._count.add(judged, recovered=recovered)
        self._watch(Progress(batch, judged, self._source.lag(), recovered))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run raises it when all threads have ended
            self._failures.append(error)
            self._over.set()

    def _put(self, where: queue.Queue[Any], item: object) -> None:
        """Hand on, unless the run is over: then nobody takes it."""
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                where.put(item, timeout=_POLL)
                return

    def _get(self, where: queue.Queue[Any]) -> Any:
        """Take the next item, which None ends; a failure anywhere ends it too."""
        while not self._failures:
            with contextlib.suppress(queue.Empty):
                return where.get(timeout=_POLL)
        return None
