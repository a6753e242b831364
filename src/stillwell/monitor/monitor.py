"""The monitor of a pipeline: takes what each epoch counted into its store, and judges the windows that are due.

It is a keeper (`stillwell.delivery.commit`): tally, marks, findings and how far event time has come are one commit, so
that no epoch is counted twice and none is left out, whenever a run is killed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

from stillwell.contract.model import Contract
from stillwell.delivery.intent import Intent
from stillwell.kernel.base import Judged
from stillwell.kernel.tally import Tally, nothing
from stillwell.monitor.base import EPOCH, Finding
from stillwell.monitor.store import Store, StoreOptions
from stillwell.monitor.store.told import tell
from stillwell.monitor.windows.clock import advanced, beginning
from stillwell.monitor.windows.cut import MICRO, grain, grouped_by
from stillwell.monitor.windows.judge import Expectations, Passage

GRACE = dt.timedelta(seconds=30)
"""So long nothing must have come before anybody is called silent, and so long after its end a window is waited for."""

_NEVER = -(2**62)


class Monitor:
    """Keeps tallies of a contract in the store at `path`."""

    def __init__(self, contract: Contract, path: Path, options: StoreOptions) -> None:
        self.contract = contract
        self.group = grouped_by(contract)
        self.store = Store(path, options)
        self._expectations = Expectations(contract, self.store, self.group)
        self._told: Callable[[Finding], None] = lambda _finding: None
        self._ticked = _NEVER
        self._taken: dt.datetime | None = None
        self.found = 0
        self.stopped: Finding | None = None

    def open(self) -> None:
        """Open the store.

        Raises:
            ConnectorError: codes `disk-full`, `unwritable`, `store-damaged` and `other-version`.
        """
        self.store.open()

    def close(self) -> None:
        """Give the store back; may be called twice."""
        self.store.close()

    def described(self) -> str:
        """One line that says what is watched, and where it is kept."""
        names = ", ".join(window.name for window in self.contract.windows)
        return f"{f'windows {names}' if names else 'tallies'}, kept in {self.store.path}"

    @property
    def begun(self) -> bool:
        """Whether it was said from where on it takes epochs."""
        return self.store.begun

    def begin(self, marks: Mapping[str, int]) -> None:
        """Take nothing that lies before these marks."""
        self.store.begin(marks)

    def marks(self) -> dict[str, int]:
        """The next offset by mark name."""
        return self.store.marks()

    @property
    def judged(self) -> int:
        """How often a rule was held against a window of a group, in this run."""
        return self._expectations.judged

    @property
    def not_evaluated(self) -> int:
        """How often there was nothing to measure."""
        return self._expectations.not_evaluated

    def listen(self, told: Callable[[Finding], None]) -> None:
        """Have each finding told once it is in the store; whichever thread found it calls, and waits."""
        self._told = told

    def take(self, intent: Intent, judged: Judged | None) -> None:
        """Add an epoch and judge what is due, in one step; None leaves a hole: what was in it cannot be known.

        Raises:
            Fenced: when it was taken before, or one before it is missing.
            ConnectorError: when the store cannot be written.
        """
        with self.store.step():
            self.store.add(intent, None if judged is None else judged.tally)
            if judged is None:
                if not self.store.recall("missing", 0):
                    self.store.remember("missing", 1)
                    self.store.remember("hole_start", self.store.recall("watermark", _NEVER))
                return
            found = self._due(judged.tally)
            tell(self.store, found)
            self.store.remember("clock", (intent.clock - EPOCH) // MICRO)
        self._taken = dt.datetime.now(dt.UTC)
        self._tell(found)

    def _tell(self, found: list[Finding]) -> None:
        self.found += len(found)
        # What was not seen accuses nobody.
        known = (one for one in found if one.kind != "monitor down")
        stops = (one for one in known if (one.severity, one.status) == ("fail", "final"))
        self.stopped = self.stopped or next(stops, None)
        for one in found:
            self._told(one)

    def tick(self, now: dt.datetime, since: dt.datetime) -> None:
        """Where no epoch has come for GRACE (nor since the run began), judge the windows that passed meanwhile.

        Event time is taken to have gone on from the watermark as the clock did from the last epoch. What is found is
        provisional: the next epoch says what holds.
        """
        if not self.contract.windows or now - max(since, self._taken or since) < GRACE or not self.store.is_open:
            return
        with self.store.step():
            watermark, clock = (self.store.recall(name, _NEVER) for name in ("watermark", "clock"))
            if _NEVER in (watermark, clock):
                return
            before = max(self._ticked, watermark)
            after = watermark + (now - EPOCH) // MICRO - clock - GRACE // MICRO
            if after <= before:
                return
            self._ticked = after
            first, kept = (self.store.recall(name, _NEVER) for name in ("first", "fine"))
            passage = Passage(before, after, first, kept, provisional=True)
            found = self._expectations.judge(nothing(grain(self.contract), self.group), passage)
            tell(self.store, found)
        self._tell(found)

    def _due(self, tally: Tally) -> list[Finding]:
        """Let event time go on, judge the windows that it makes due, and age the store."""
        store, old = self.store, self.store.recall("watermark", _NEVER)
        watermark = advanced(self.contract, tally, None if old == _NEVER else old)
        if watermark is None:
            return []
        if old == _NEVER:
            store.remember("first", beginning(tally))
        first = store.recall("first", _NEVER)
        if store.recall("missing", 0):
            store.remember("missing", 0)
            store.remember("hole_end", watermark)
        hole = None
        if (end := store.recall("hole_end", _NEVER)) != _NEVER:
            hole = store.recall("hole_start", _NEVER), end
        store.remember("watermark", watermark)
        self._ticked = _NEVER
        kept = store.recall("fine", _NEVER)
        passage = Passage(first if old == _NEVER else old, watermark, first, kept, hole)
        found = self._expectations.judge(tally, passage)
        store.age(watermark)
        return found
