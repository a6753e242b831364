"""The monitor of a pipeline: takes what each epoch counted into its store, and judges the windows that are due.

It is a keeper (`stillwell.delivery.commit`): tally, marks, findings and how far event time has come are one commit, so
that no epoch is counted twice and none is left out, whenever a run is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from stillwell.contract.model import Contract
from stillwell.delivery.intent import Intent
from stillwell.kernel.base import Judged
from stillwell.kernel.tally import Tally
from stillwell.monitor.base import Finding
from stillwell.monitor.store import Store, StoreOptions
from stillwell.monitor.store.told import tell
from stillwell.monitor.windows.clock import advanced, beginning
from stillwell.monitor.windows.cut import grouped_by
from stillwell.monitor.windows.judge import Expectations, Passage

KEPT = 1_000
"""Findings of a run that are at hand until somebody takes them; the store has all."""

_NEVER = -(2**62)


class Monitor:
    """Keeps tallies of a contract in the store at `path`."""

    def __init__(self, contract: Contract, path: Path, options: StoreOptions) -> None:
        self.contract = contract
        self.group = grouped_by(contract)
        self.store = Store(path, options)
        self._expectations = Expectations(contract, self.store, self.group)
        self._new: list[Finding] = []
        self._lock = threading.Lock()
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

    def new(self) -> list[Finding]:
        """The findings since this was asked last, the newest KEPT of them."""
        with self._lock:
            new, self._new = self._new, []
        return new

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
        with self._lock:
            self.found += len(found)
            self._new = [*self._new, *found][-KEPT:]
            # What was not seen accuses nobody.
            known = (one for one in found if one.kind != "monitor down")
            stops = (one for one in known if (one.severity, one.status) == ("fail", "final"))
            self.stopped = self.stopped or next(stops, None)

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
        kept = store.recall("fine", _NEVER)
        passage = Passage(first if old == _NEVER else old, watermark, first, kept, hole)
        found = self._expectations.judge(tally, passage)
        store.age(watermark)
        return found
