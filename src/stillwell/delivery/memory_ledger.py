"""A ledger for tests and for data that lives no longer than the process."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from stillwell.delivery.intent import Intent
from stillwell.delivery.mark import moved


class MemoryLedger:
    """Keeps intents and contracts in this object; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intents: list[Intent] = []
        self._marks: dict[str, int] = {}
        self._contracts: dict[str, str] = {}

    def intents(self) -> list[Intent]:
        """Every intent, oldest first."""
        return list(self._intents)

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name."""
        return dict(self._marks)

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an intent, if the marks still are what its advances expect.

        Raises:
            Fenced: when somebody else declared in between.
        """
        with self._lock:
            self._marks = moved(self._marks, intent.advances())
            self._contracts.setdefault(intent.contract, contract_text)
            self._intents.append(intent)

    def contract_text(self, digest: str) -> str:
        """The text of a contract that some intent names; KeyError when unknown."""
        return self._contracts[digest]
