"""The ledger: every intent of a pipeline in order, and the text of every contract it judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stillwell.delivery.intent import Intent


class Ledger(Protocol):
    """Lives where the accepted sink lives; each kind of sink brings its own.

    `declare` is a compare-and-swap on the ledger's own marks: it is the fence against a second writer.
    """

    def intents(self) -> list[Intent]:
        """Every intent, oldest first."""
        ...

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name: the end of the newest intent of each partition."""
        ...

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an intent durably, if the marks still are what its advances expect.

        Raises:
            Fenced: when somebody else declared in between.
        """
        ...

    def contract_text(self, digest: str) -> str:
        """The text of a contract that some intent names; KeyError when unknown."""
        ...
