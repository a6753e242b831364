"""One run of a job: opens what it needs, recovers what an earlier run left, and lets epochs flow to the end.

A source has its partitions to itself, and one flow is the run; or it shares them with other processes, and each time
they change hands what is ours is taken up anew, from what ledger and sinks say.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping

from stillwell.connectors.base import Shared, Source
from stillwell.contract.model import Contract
from stillwell.delivery.again import CHUNK, Rejudge, Selective
from stillwell.delivery.commit import Delivery
from stillwell.delivery.memory import Memory
from stillwell.delivery.recovery import recover
from stillwell.engines._count import Count
from stillwell.engines._gather import Epoch
from stillwell.engines._keeping import let_keep_up
from stillwell.engines._taken_up import delivery_of, open_sinks
from stillwell.engines.base import Job, Progress, Summary, Watch
from stillwell.engines.embedded.flow import Flow
from stillwell.errors import Fenced, StillwellError
from stillwell.kernel import Judged, Kernel

SETTLE = 10.0
"""Seconds in which a group tells a process that was fenced what is still its own."""

FENCED = 5
"""How often in a row a process may be fenced that did nothing in between."""


class _Ours:
    """A source to read again while its partitions are ours: at an end as soon as they are not."""

    def __init__(self, source: Source, ours: Callable[[], bool]) -> None:
        self.seek = source.seek_only if isinstance(source, Selective) else source.seek
        self.read = source.read
        self._source = source
        self._ours = ours

    @property
    def finished(self) -> bool:
        return self._source.finished or not self._ours()


class Run:
    """One run; `make` gives a kernel for a contract."""

    def __init__(
        self, job: Job, source: Source, make: Callable[[Contract], Kernel], watch: Watch, stop: threading.Event
    ) -> None:
        self._job = job
        self._source = source
        self._make = make
        self._kernel = make(job.contract)
        self._watch = watch
        self._stop = stop
        self._flow: Flow | None = None
        self._count = Count()

    def run(self) -> Summary:
        """Recover what an earlier run left, then read, judge and commit to the end."""
        with contextlib.closing(self._kernel):
            self._source.open()
            open_sinks(self._job, self._source)
            if isinstance(self._source, Shared):
                self._share(self._source)
            else:
                self._term(None)
        return self._count.summary(interrupted=not self._source.finished and self._count.stopped is None)

    def _share(self, source: Shared) -> None:
        """Take up partitions whenever they become ours, until the run ends."""
        source.join(self._let_go)
        taken, fenced = 0, 0
        while not self._ended():
            if source.term == taken or not source.partitions:
                taken = source.term
                self._source.read(CHUNK)
                continue
            taken, epochs = source.term, self._count.epochs
            try:
                self._term(source.partitions)
            except Fenced:
                fenced = fenced + 1 if self._count.epochs == epochs else 1
                if fenced > FENCED:
                    raise
                if not self._changed(source, taken):
                    taken = 0
            except StillwellError:
                # What was read again may have stopped halfway because it is somebody else's now.
                if source.term == taken and source.partitions:
                    raise

    def _changed(self, source: Shared, term: int) -> bool:
        """Whether partitions change hands soon: whoever was fenced has most likely lost them, and hears of it late."""
        until = time.monotonic() + SETTLE
        while source.term == term and source.partitions and time.monotonic() < until and not self._stop.is_set():
            self._source.read(CHUNK)
        return source.term != term or not source.partitions

    def _own(self) -> Collection[int] | None:
        """The partitions that are ours; None for all."""
        return self._source.partitions if isinstance(self._source, Shared) else None

    def _ended(self) -> bool:
        return self._stop.is_set() or self._source.finished or self._count.stopped is not None

    def _let_go(self, lost: bool) -> None:
        if self._flow is not None:
            self._flow.let_go(lost)

    def _term(self, partitions: Collection[int] | None) -> None:
        """Finish what was declared of these partitions (None: of all), then let their epochs flow."""
        memory = Memory(self._job.contract, self._job.state, self._job.keys)
        delivery = self._delivery(partitions, memory)
        if self._count.stopped is not None:
            return
        self._source.seek(delivery.positions())
        self._flow = Flow(
            self._source,
            self._kernel,
            delivery,
            self._job.epoch,
            self._written,
            self._stop,
            memory if self._job.contract.sequence else None,
        )
        try:
            self._flow.run()
        finally:
            self._count.stopped = self._flow.stopped
            self._count.miss(self._flow.gaps)
            self._flow = None

    def _delivery(self, partitions: Collection[int] | None, memory: Memory) -> Delivery:
        """What commits epochs of these partitions, after all that was declared of them is written."""
        delivery = delivery_of(self._job, self._source, self._stop, partitions)
        ours, ledger = _Ours(self._source, lambda: self._own() == partitions), self._job.accepted[0].ledger()
        let_keep_up(self._job, delivery, ours, self._kernel, self._make)
        rejudge = Rejudge(ledger, self._kernel, self._make, memory)
        rejudge.go_on(delivery, self._job.contract)
        for intent, batch, judged in recover(delivery, ours, rejudge):
            self._written(Epoch(batch, {}, intent.gaps), judged, intent.forgotten, recovered=True)
            # The run that met this rule died before it could tell.
            self._count.stopped = judged.stop or self._count.stopped
        memory.under(self._job.contract)
        return delivery

    def _written(self, epoch: Epoch, judged: Judged, forgotten: Mapping[int, int], *, recovered: bool = False) -> None:
        self._count.add(judged, epoch.gaps, sum(forgotten.values()), recovered=recovered)
        self._watch(Progress(epoch.table, judged, self._source.lag(), recovered))
