"""The flow of epochs while the partitions stay the same: one thread reads, one judges, one commits."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from stillwell.connectors.base import Informed, Shared, Source
from stillwell.delivery.commit import Delivery
from stillwell.delivery.memory import Changes, Memory
from stillwell.delivery.saves import Saved
from stillwell.delivery.slice import Gap
from stillwell.engines._gather import Epoch, Gatherer
from stillwell.engines.base import EpochLimits
from stillwell.kernel import Judged, Kernel
from stillwell.kernel.base import Stop

_POLL = 0.05
LET_GO = 60.0
"""Seconds that a commit may take when partitions are to be given up; whoever has them next would judge again."""

IDLE = 10.0
"""Seconds after which a group hears of us though its records cannot be taken."""


class Flow:
    """Reads, judges and commits until the source has finished, a `fail` rule is broken, or somebody says stop.

    `written` is called for every epoch that all sinks hold, with how many keys of a partition had to be forgotten.
    """

    def __init__(
        self,
        source: Source,
        kernel: Kernel,
        delivery: Delivery,
        limits: EpochLimits,
        written: Callable[[Epoch, Judged, Mapping[int, int]], None],
        stop: threading.Event,
        memory: Memory | None = None,
    ) -> None:
        self._source = source
        self._kernel = kernel
        self._delivery = delivery
        self._written = written
        self._stop = stop
        self._memory = memory
        self._gatherer = Gatherer(limits, self._hand_on)
        self._read: queue.Queue[Epoch | None] = queue.Queue(1)
        self._judged: queue.Queue[tuple[Epoch, Judged, dt.datetime, Changes] | None] = queue.Queue(1)
        self._over = threading.Event()  # nobody takes what is handed on
        self._void = threading.Event()  # nothing that was handed on may be committed any more
        self._idle = threading.Event()  # the writer has come to its end
        self._gone = False
        self._failures: list[BaseException] = []
        self.stopped: Stop | None = None

    def run(self) -> None:
        """Let the epochs flow; all threads have ended when this returns or raises."""
        threads = [
            threading.Thread(target=self._guarded, args=(self._reader,), name="reader"),
            threading.Thread(target=self._guarded, args=(self._writer,), name="writer"),
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._judge)
        self._over.set()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What the source had forgotten of partitions of which no record came since: the next run meets it again."""
        return self._gatherer.gaps

    def let_go(self, lost: bool) -> None:
        """Partitions are to be given up, or are lost; called from within `read`, after which nothing more is read.

        What was read is committed before this returns, unless that takes too long or the partitions are lost.
        """
        self._gone = True
        if not lost:
            self._gatherer.close()
            self._put(self._read, None)
            lost = not self._idle.wait(LET_GO)
        if lost:
            self._over.set()
            self._void.set()

    def _reader(self) -> None:
        """Gather epochs; what was gathered is one too when the run is asked to stop."""
        while not (self._stop.is_set() or self._over.is_set() or self._source.finished):
            chunk = self._source.read(self._gatherer.wanted)
            if self._gone:
                return
            self._gatherer.add(chunk)
        self._gatherer.close()
        self._put(self._read, None)

    def _judge(self) -> None:
        """Judge epochs in the order they were read, up to the first that breaks a `fail` rule."""
        while (epoch := self._get(self._read)) is not None:
            clock = dt.datetime.now(dt.UTC)
            judged = self._kernel.judge(epoch.table, clock, self._memory.history if self._memory else None)
            changes = self._memory.changes(judged.facts) if self._memory else Changes()
            self._put(self._judged, (epoch, judged, clock, changes))
            self.stopped = judged.stop
            # Memory is bounded by the epochs under way: none may live on while the next is waited for.
            del epoch, judged, changes
            if self.stopped is not None:
                break
        self._put(self._judged, None)

    def _writer(self) -> None:
        """Commit epochs in the order they were judged."""
        try:
            while (item := self._get(self._judged)) is not None:
                epoch, judged, clock, changes = item
                self._commit(epoch, judged, clock, changes)
                if isinstance(self._source, Informed):
                    self._source.committed(epoch.ends)
                self._written(epoch, judged, changes.forgotten)
                del item, epoch, judged, changes
                pa.default_memory_pool().release_unused()
        finally:
            self._idle.set()

    def _commit(self, epoch: Epoch, judged: Judged, clock: dt.datetime, changes: Changes) -> None:
        """Save what is remembered, declare and write the epoch, let go of what is needed no more."""
        saved = self._memory.save(changes, epoch.ends) if self._memory else Saved()
        self._delivery.commit(
            judged,
            epoch.ends,
            clock,
            gaps=epoch.gaps,
            columns=epoch.columns,
            history=saved.word,
            forgotten=saved.forgotten,
        )
        if self._memory:
            self._memory.forget_older(saved)

    def _hand_on(self, epoch: Epoch) -> None:
        """Give an epoch to be judged; while nobody takes it, a group must not think that we are gone."""
        told = time.monotonic()

        def wait() -> None:
            nonlocal told
            if isinstance(self._source, Shared) and not self._gone and time.monotonic() - told > IDLE:
                told = time.monotonic()
                self._source.idle()

        self._put(self._read, epoch, wait)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, `run` raises it when all threads have ended
            self._failures.append(error)
            self._over.set()
            self._void.set()

    def _put(self, where: queue.Queue[Any], item: object, wait: Callable[[], None] = lambda: None) -> None:
        """Hand on, unless nobody takes it; `wait` is called now and then meanwhile."""
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                where.put(item, timeout=_POLL)
                return
            wait()

    def _get(self, where: queue.Queue[Any]) -> Any:
        """Take the next item, which None ends."""
        while not self._void.is_set():
            with contextlib.suppress(queue.Empty):
                return where.get(timeout=_POLL)
        return None
