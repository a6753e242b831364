"""The running totals of a run, on any engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from stillwell.delivery.slice import Gap
from stillwell.engines.base import Summary
from stillwell.kernel import Judged
from stillwell.kernel.base import Stop
from stillwell.kernel.tally import Tally


@dataclass
class Count:
    """What a run did so far; `stopped` is the `fail` rule that ends it."""

    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    warned: int = 0
    repaired: int = 0
    epochs: int = 0
    recovered: int = 0
    forgotten: int = 0
    tally: Tally | None = None
    stopped: Stop | None = None
    gaps: list[Gap] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, judged: Judged, gaps: Sequence[Gap], forgotten: int = 0, *, recovered: bool) -> None:
        """One epoch that every sink holds, for which so many keys had to be forgotten."""
        self.read += judged.read
        self.accepted += len(judged.accepted)
        self.quarantined += len(judged.quarantined)
        self.warned += judged.tally.count("warned")
        self.repaired += judged.tally.count("repaired")
        self.epochs += 1
        self.recovered += recovered
        self.forgotten += forgotten
        self.miss(gaps)
        total = judged.tally.total()
        self.tally = total if self.tally is None else self.tally.merge(total)

    def miss(self, gaps: Sequence[Gap]) -> None:
        """Remember gaps, each once: one after which no record came is met again."""
        self.gaps += [gap for gap in dict.fromkeys(gaps) if gap not in self.gaps]

    def summary(self, *, interrupted: bool) -> Summary:
        """The totals as they stand."""
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
            gaps=tuple(self.gaps),
            forgotten=self.forgotten,
        )
