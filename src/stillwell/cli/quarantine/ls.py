"""`stillwell quarantine ls`: counts of what was quarantined, by rule and field, and what became of it."""

from __future__ import annotations

from typing import Any

from stillwell.cli._pipeline import planned
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.cli.quarantine._asked import File, Settings, Where, instant, meant, moment, unfinished
from stillwell.pipeline.quarantine.listing import Count, Listing, listed

_NUMBERS = ("records", "open", "passed", "expired")


def ls(pipeline: File = None, where: Where = None, settings: Settings = None, json: Json = False) -> Outcome:
    """Count what was quarantined, by rule and field.

    A record counts with each rule that rejected it. It is open until a replay accepts it (passed) or it is removed
    (expired). Reads only; a run may be under way. Exit code: 0.
    """
    output = Output(json=json)
    made = planned(pipeline, settings or (), output)
    found = listed(made, meant(where))
    _say(found, output)
    if found.unfinished:
        unfinished(found.unfinished, made, output)
    rules = [{"rule": rule, "field": field, **_plain(count)} for (rule, field), count in found.rules.items()]
    parts = {"pipeline": made.pipeline.name, **_plain(found.whole), "rules": rules}
    parts |= {"unfinished": found.unfinished, "keyless": found.keyless}
    output.emit("quarantine", parts)
    return Outcome.YES


def _say(found: Listing, output: Output) -> None:
    rows = [
        [shown(rule), shown(field), *(f"{getattr(count, name):,}" for name in _NUMBERS), *_when(count)]
        for (rule, field), count in found.rules.items()
    ]
    head = ["rule", "field", *_NUMBERS, "first", "last"]
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    for row in [head, *rows] if rows else ():
        cells = [
            cell.rjust(width) if 2 <= at < 6 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        output.say(output.paint(line, "dim") if row is head else line)
    whole = found.whole
    became = f"{whole.open:,} open · {whole.passed:,} passed · {whole.expired:,} expired"
    output.say(f"{whole.records:,} records: {became}")
    if found.keyless:
        output.say(f"not counted: {found.keyless:,} expired records, whose keys are gone with them")


def _when(count: Count) -> tuple[str, str]:
    return moment(count.first), moment(count.last)


def _plain(count: Count) -> dict[str, Any]:
    numbers = {name: getattr(count, name) for name in _NUMBERS}
    return {**numbers, "first": instant(count.first), "last": instant(count.last)}
