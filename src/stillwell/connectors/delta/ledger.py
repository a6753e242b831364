"""The ledger as a Delta table beside the accepted one: each intent is a commit that moves its marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from stillwell.connectors.delta.table import Table
from stillwell.delivery.intent import Intent

_SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("intent", pa.string()),
        pa.field("contract", pa.string()),
        pa.field("contract_text", pa.string()),
    ]
)


class DeltaLedger:
    """A row is an intent; the first that names a contract carries its text."""

    def __init__(self, path: Path) -> None:
        self._table = Table(path, prefix="intent/")
        self._texts: dict[str, str] = {}

    def intents(self) -> list[Intent]:
        """Every intent, oldest first."""
        found = self._rows(["number", "intent"])
        ordered = sorted(zip(found["number"].to_pylist(), found["intent"].to_pylist(), strict=True))
        return [Intent.from_json(text) for _, text in ordered]

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name."""
        return self._table.marks()

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an intent in one commit, if the marks still are what its advances expect.

        Raises:
            Fenced: when somebody else declared in between.
            ConnectorError: codes `disk-full` and `unwritable`.
        """
        if not self._table.exists():
            self._table.create(_SCHEMA)
        known = intent.contract in self._known()
        # Above that of every intent whose marks this one goes on from: those are in the version seen here.
        number = self._table.handle().version() + 1
        row = {
            "number": [number],
            "intent": [intent.to_json()],
            "contract": [intent.contract],
            "contract_text": [None if known else contract_text],
        }
        self._table.append(pa.table(row, schema=_SCHEMA), intent.advances())
        self._texts[intent.contract] = contract_text

    def contract_text(self, digest: str) -> str:
        """The text of a contract that some intent names; KeyError when unknown."""
        return self._known(digest)[digest]

    def _known(self, wanted: str | None = None) -> Mapping[str, str]:
        if not self._texts or (wanted is not None and wanted not in self._texts):
            found = self._rows(["contract", "contract_text"])
            pairs = zip(found["contract"].to_pylist(), found["contract_text"].to_pylist(), strict=True)
            self._texts.update({digest: text for digest, text in pairs if text is not None})
        return self._texts

    def _rows(self, columns: list[str]) -> pa.Table:
        if not self._table.exists():
            return _SCHEMA.empty_table().select(columns)
        return self._table.handle().to_pyarrow_dataset().to_table(columns=columns)
