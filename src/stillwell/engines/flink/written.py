"""What is written already, by whichever engine: where Flink goes on, and what commits to the pipeline's own sinks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa

from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.delivery.again import Rejudge, read_again
from stillwell.delivery.commit import Delivery, Identity
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory import Memory
from stillwell.delivery.recovery import recover
from stillwell.delivery.retry import Retry
from stillwell.delivery.saves import newest
from stillwell.delivery.slice import Position
from stillwell.engines._taken_up import VERSIONS
from stillwell.engines.base import Job
from stillwell.engines.flink.carry import Due
from stillwell.engines.flink.target import Target
from stillwell.engines.flink.tidings import Told
from stillwell.kernel.base import Judged


class Written:
    """The ledgers of a job: that of its own sinks, and, where Flink writes others, that of these."""

    def __init__(self, job: Job, target: Target, stop: threading.Event) -> None:
        self._job, self._target = job, target
        self._retry = Retry(job.patience, stop)
        self._staged = target.accepted.ledger()
        self._ledger = self._staged if target.final else job.accepted[0].ledger()
        self._contract = digest(job.contract)
        self._own = self.delivery(self._contract)

    def delivery(self, contract: str) -> Delivery:
        """What commits to the pipeline's own sinks what was judged by the contract of this digest."""
        known = getattr(self, "_own", None)
        if known is None or contract != self._contract:
            ours = contract == digest(self._job.contract)
            text = self._job.contract.text if ours else self._staged.contract_text(contract)
            identity = Identity(self._job.pipeline, self._job.source.identity, contract, text, VERSIONS)
            sinks = self._job.quarantine, self._job.accepted
            self._own, self._contract = Delivery(identity, self._ledger, *sinks, retry=self._retry), contract
        return self._own

    def recover(self) -> Iterator[tuple[Intent, pa.Table, Judged]]:
        """Finish what was declared of the pipeline's own sinks, by whichever engine."""
        if self._own.unfinished():
            # Whoever declared it may have gone by what sequence rules remember, under a contract of this ledger alone.
            memory = Memory(self._job.contract, self._job.state, self._job.keys)
            rejudge = Rejudge(self._ledger, self._job.kernel(), self._job.kernel, memory)
            rejudge.go_on(self._own, self._job.contract)
            yield from recover(self._own, self._job.source, rejudge)

    def positions(self) -> dict[int, Position]:
        """Where Flink goes on: after what it wrote itself, and what other engines wrote beyond that."""
        found = dict(self._own.positions())
        if not self._target.final:
            for intent in self._staged.intents():
                for part in intent.slices:
                    if part.end.offset > found.get(part.partition, Position()).offset:
                        found[part.partition] = part.end
        return found

    def saved(self) -> dict[int, tuple[int, str]]:
        """By partition where it goes on, and the word under which it was saved what is remembered there."""
        found = newest(self._own.declared())
        if not self._target.final:
            for partition, (offset, word) in newest(self._staged.intents()).items():
                if offset > found.get(partition, (0, ""))[0]:
                    found[partition] = (offset, word)
        return found

    def again(self, told: Told, due: Mapping[int, Position]) -> Due:
        """Judge anew what is left of a line from these positions on: its beginning was written by another engine."""
        slices = (replace(part, start=due[part.partition]) for part in told.intent.slices if part.partition in due)
        intent = replace(told.intent, slices=tuple(slices))
        contract = parse(self._staged.contract_text(intent.contract))
        memory = Memory(contract, self._job.state, self._job.keys)
        memory.take_up([one.within(due) for one in self._ledger.intents()], contract)
        rejudge = Rejudge(self._staged, self._job.kernel(), self._job.kernel, memory)
        judged = rejudge(read_again(self._job.source, intent), intent)
        if not contract.sequence:
            return Due(judged, "", {})
        saved = memory.save(memory.changes(due), {part.partition: part.end for part in intent.slices})
        return Due(judged, saved.word, saved.forgotten)
