"""What is found of windows: one frozen type, the same for whoever stores it, shows it or tells it to people."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["limit", "no data", "late data", "monitor down"]
"""Why an expectation is not met: by what was counted; as nothing came; as records came after the window was final; as
the window was not seen whole."""

Status: TypeAlias = Literal["provisional", "final", "withdrawn"]
"""Final is what lies behind the watermark and the lateness allowed; a finding is withdrawn that late records refute."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Finding:
    """One expectation that one window of one group does not meet.

    `expectation` is `WINDOW.RULE`; `start` and `end` are event times in microseconds since 1970 (UTC); `observed` is
    None where nothing could be measured. Of the same fingerprint and start, the greatest `revision` (from 1) holds.
    """

    contract: str
    expectation: str
    group: tuple[str | None, ...]
    field: str
    start: int
    end: int
    kind: Kind
    severity: str
    observed: float | None
    expected: str
    status: Status
    revision: int = 1

    @property
    def fingerprint(self) -> str:
        """What stays the same from window to window: 16 hex digits of contract, expectation, group and field."""
        parts = repr((self.contract, self.expectation, self.group, self.field))
        return hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def plain(self) -> dict[str, Any]:
        """As data for machines, with times in ISO 8601."""
        return {
            "fingerprint": self.fingerprint,
            "contract": self.contract,
            "expectation": self.expectation,
            "group": list(self.group),
            "field": self.field,
            "start": instant(self.start),
            "end": instant(self.end),
            "kind": self.kind,
            "severity": self.severity,
            "observed": self.observed,
            "expected": self.expected,
            "status": self.status,
            "revision": self.revision,
        }


def instant(micros: int) -> str:
    """A time in ISO 8601; what no calendar holds stays a number."""
    try:
        return (EPOCH + dt.timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(micros)
