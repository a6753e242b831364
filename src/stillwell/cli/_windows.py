"""What is said of windows when a run ends: how many were judged, and the last findings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from stillwell.cli.base import Output, shown
from stillwell.monitor.base import Finding, instant
from stillwell.monitor.monitor import Monitor

SHOWN = 5
"""How many findings the summary of a run names; the store has all of them."""


def say_watched(monitor: Monitor, latest: Collection[Finding], output: Output) -> None:
    """The closing lines about windows."""
    if not monitor.contract.windows:
        return
    nothing = f" · {monitor.not_evaluated:,} not evaluated" if monitor.not_evaluated else ""
    output.say(f"windows judged {monitor.judged:,}{nothing} · findings {monitor.found:,}   {_near(monitor.store.path)}")
    for finding in latest:
        bad = finding.severity == "fail" and finding.status != "withdrawn"
        output.say(output.paint("✗ " if bad else "! ", "bad" if bad else "warn") + line(finding))
    if monitor.found > len(latest):
        output.say(f"  and {monitor.found - len(latest):,} more")
    if monitor.stopped is not None:
        output.say(output.paint(f"stopped by {monitor.stopped.expectation}", "bad") + ": a new run goes on after it")


def _near(path: Path) -> str:
    """A path as one would name it from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def line(finding: Finding) -> str:
    """A finding in one line."""
    group = "/".join("null" if value is None else shown(value) for value in finding.group)
    seen = "nothing to measure" if finding.observed is None else f"{finding.observed:,.6g}"
    status = "" if finding.status == "final" else f" ({finding.status})"
    kind = "" if finding.kind == "limit" else f" · {finding.kind}"
    where = f"{instant(finding.start)} … {instant(finding.end)}"
    named = f"{finding.expectation}{f' [{group}]' if group else ''}"
    return f"{where}  {named}  {finding.field} {seen}, expected {finding.expected}{kind}{status}"


def watched_plain(monitor: Monitor | None) -> dict[str, Any] | None:
    """The same as plain data; None where nothing is watched."""
    if monitor is None:
        return None
    return {
        "judged": monitor.judged,
        "not_evaluated": monitor.not_evaluated,
        "findings": monitor.found,
        "stopped": None if monitor.stopped is None else monitor.stopped.plain(),
        "store": str(monitor.store.path),
    }
