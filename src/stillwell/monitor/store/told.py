"""Findings in the store: written with the epoch that they are of, and read by whoever wants to know."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from stillwell.monitor.base import Finding
from stillwell.monitor.store.store import Store

_COLUMNS = "start, revision, end, contract, expectation, grp, field, kind, severity, observed, expected, status"


def tell(store: Store, findings: Iterable[Finding]) -> None:
    """Write findings, inside a step of the store."""
    store.database.executemany(
        f"INSERT INTO findings (fingerprint, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.fingerprint,
                one.start,
                one.revision,
                one.end,
                one.contract,
                one.expectation,
                json.dumps(one.group),
                one.field,
                one.kind,
                one.severity,
                one.observed,
                one.expected,
                one.status,
            )
            for one in findings
        ],
    )


def told_of(
    store: Store, contract: str, expectation: str, start: int, end: int
) -> dict[tuple[str, int], tuple[int, str, str, Any]]:
    """By fingerprint and start the newest revision of an expectation, with its status, kind and what was observed."""
    rows = store.query(
        "SELECT fingerprint, start, revision, status, kind, observed FROM findings "
        "WHERE contract = ? AND expectation = ? AND start >= ? AND start <= ? ORDER BY revision",
        contract,
        expectation,
        start,
        end,
    )
    return {(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in rows}


def told(store: Store, *, every_revision: bool = False) -> list[Finding]:
    """All findings in order of their windows: of each the newest revision, or every one."""
    newest = "" if every_revision else "GROUP BY fingerprint, start HAVING revision = max(revision) "
    rows = store.query(f"SELECT {_COLUMNS} FROM findings {newest}ORDER BY start, expectation, grp, revision")
    return [
        Finding(
            contract,
            rule,
            tuple(json.loads(group)),
            field,
            start,
            end,
            kind,
            severity,
            seen,
            expected,
            status,
            revision,
        )
        for start, revision, end, contract, rule, group, field, kind, severity, seen, expected, status in rows
    ]
