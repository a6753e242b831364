"""The ledger of sinks that are files: a folder of numbered intents beside them, and the contracts they name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stillwell.delivery.durable import make_folder, put_new, writing
from stillwell.delivery.intent import Intent
from stillwell.delivery.mark import moved


class FolderLedger:
    """Numbers are taken by compare-and-swap, and each file holds all marks, so that the newest one says everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest = 0

    def intents(self) -> list[Intent]:
        """Every intent, oldest first. Of one whose file is gone `audit` sees the gap."""
        found = sorted(self._folder.glob("intents/[0-9]*.json"))
        return [Intent.from_json(json.dumps(json.loads(path.read_bytes())["intent"])) for path in found]

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name."""
        last = self._last()
        return dict(self._read(last)["marks"]) if last else {}

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an intent durably, if the marks still are what its advances expect.

        Raises:
            Fenced: when somebody else declared in between.
            ConnectorError: codes `disk-full` and `unwritable`.
        """
        with writing(self._folder):
            make_folder(self._folder / "intents")
            make_folder(self._folder / "contracts")
            put_new(self._contract(intent.contract), contract_text.encode())
            while True:
                last = self._last()
                stored = self._read(last)["marks"] if last else {}
                line = {"marks": moved(stored, intent.advances()), "intent": json.loads(intent.to_json())}
                if put_new(self._intent(last + 1), json.dumps(line, sort_keys=True).encode()):
                    return

    def contract_text(self, digest: str) -> str:
        """The text of a contract that some intent names; KeyError when unknown."""
        try:
            return self._contract(digest).read_text()
        except FileNotFoundError:
            raise KeyError(digest) from None

    def _last(self) -> int:
        # Files are never removed, so only what came after the newest one known must be looked for.
        if not self._newest:
            self._newest = max((int(one.stem) for one in self._folder.glob("intents/[0-9]*.json")), default=0)
        while self._intent(self._newest + 1).exists():
            self._newest += 1
        return self._newest

    def _read(self, number: int) -> dict[str, Any]:
        return dict(json.loads(self._intent(number).read_bytes()))

    def _intent(self, number: int) -> Path:
        return self._folder / "intents" / f"{number:012d}.json"

    def _contract(self, digest: str) -> Path:
        return self._folder / "contracts" / f"{quote(digest, safe='')}.yml"
