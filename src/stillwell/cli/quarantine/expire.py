"""`stillwell quarantine expire`: rejected records are removed, after the ledger has their counts and checksums."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated

import typer

from stillwell.cli._pipeline import named, planned
from stillwell.cli.base import Json, Outcome, Output
from stillwell.cli.quarantine._asked import DryRun, File, Settings, Where, meant, moment, summed
from stillwell.contract.scalars import Unreadable, duration
from stillwell.delivery.selection import Selection
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import Judged
from stillwell.pipeline.quarantine.replay import expire_from, try_expire


def expire(
    pipeline: File = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="TIME", help="Only records taken in so long ago: 30d, 12h.")
    ] = None,
    where: Where = None,
    dry_run: DryRun = False,
    settings: Settings = None,
    json: Json = False,
) -> Outcome:
    """Remove quarantined records for good.

    Their places, counts and checksums are written down first, so that an audit still holds afterwards, and a killed
    expiry is finished by the next one. Something must say which records: --older-than, --where or both. Exit code: 0.
    """
    output = Output(json=json)
    selection = _older(meant(where), older_than)
    made = planned(pipeline, settings or (), output)
    seen = 0

    def watch(judged: Judged) -> None:
        nonlocal seen
        seen += judged.read
        output.progress(f"{seen:,} records written down …")

    done = [try_expire(made, selection)] if dry_run else expire_from(made, selection, watch)
    output.progress("")
    for one in done:
        begun = f"{one.name}, which an earlier process had begun: " if one.resumed else f"{one.name}: " * bool(one.name)
        verb = "would expire" if dry_run else "have expired"
        if one.kind == "replay":
            verb = f"were replayed, {one.passed:,} of them pass"
        before = f" (taken in before {moment(selection.until)})" if older_than and not one.resumed else ""
        output.say(f"{begun}{one.read:,} records {verb}{before}")
        extra = {"passed": one.passed, "rules": one.rules} if one.kind == "replay" else {}
        name = "replay" if one.kind == "replay" else "expiry"
        output.emit(name, {"pipeline": made.pipeline.name, **summed(one), **extra, "dry_run": dry_run})
    if any(one.name for one in done):
        output.say(f"→ The proof: stillwell audit{named(made)}")
    return Outcome.YES


def _older(selection: Selection, older_than: str | None) -> Selection:
    if older_than is None:
        if selection == Selection():
            fix = "Say --older-than 30d, or --where KEY=VALUE."
            raise fail(StillwellError, "usage", "This would remove the whole quarantine.", fix, path="--older-than")
        return selection
    try:
        until = dt.datetime.now(dt.UTC) - duration(older_than)
    except Unreadable as error:
        raise fail(StillwellError, "usage", error.what, error.fix, path="--older-than") from error
    return dataclasses.replace(selection, until=min(until, selection.until) if selection.until else until)
