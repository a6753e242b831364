"""`stillwell quarantine replay`: rejected records are judged again, and what passes is accepted, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._pipeline import named, planned
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.cli.quarantine._asked import DryRun, File, Settings, Where, meant, summed
from stillwell.contract.load import load
from stillwell.kernel.base import Judged
from stillwell.pipeline.quarantine.listing import refuse_unknown
from stillwell.pipeline.quarantine.replay import Done, replay_out, try_replay

_RULES = 10


def replay(
    pipeline: File = None,
    where: Where = None,
    contract: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge by this contract; that of the pipeline.")
    ] = None,
    dry_run: DryRun = False,
    settings: Settings = None,
    json: Json = False,
) -> Outcome:
    """Judge open records again and accept what passes.

    Each is judged as of its original ingest time, and accepted once, whatever dies on the way: the next replay first
    finishes a killed one. A record that still fails gets an outcome; all stay in the quarantine. A run may go on
    meanwhile. Exit code: 0 all pass (or there was none), 2 some still fail, 1 none passes, nor
    did any of a killed replay that was finished.
    """
    output = Output(json=json)
    made = planned(pipeline, settings or (), output)
    by = load(contract) if contract else None
    seen = 0

    def watch(judged: Judged) -> None:
        nonlocal seen
        seen += judged.read
        output.progress(f"{seen:,} records judged …")

    selection = meant(where)
    refuse_unknown(made, selection, by or made.job.contract)
    done = [try_replay(made, selection, by, watch)] if dry_run else replay_out(made, selection, by, watch)
    output.progress("")
    for one in done:
        _say(one, output, dry_run=dry_run)
        parts = {**summed(one), "passed": one.passed, "rules": one.rules, "dry_run": dry_run}
        output.emit("replay" if one.kind == "replay" else "expiry", {"pipeline": made.pipeline.name, **parts})
    if not dry_run and any(one.name for one in done):
        output.say(f"→ The proof: stillwell audit{named(made)}")
    if done[-1].passed == done[-1].read:
        return Outcome.YES
    # What a killed one had begun and this one finished passes too.
    return Outcome.WARNED if any(one.passed for one in done) else Outcome.NO


def _say(done: Done, output: Output, *, dry_run: bool) -> None:
    begun = f"{done.name}, which an earlier process had begun: " if done.resumed else f"{done.name}: " * bool(done.name)
    if done.kind == "expire":
        output.say(f"{begun}{done.read:,} records have expired")
        return
    if not done.read:
        output.say(f"{begun}there is no open record to judge")
        return
    verb = "would pass" if dry_run else "now pass"
    style = "good" if done.passed == done.read else "warn" if done.passed else "bad"
    count = output.paint(f"{done.passed:,} of {done.read:,} {verb}", style)
    output.say(f"{begun}{count}, judged by {shown(done.contract)} {done.version}")
    width = max(map(len, done.rules), default=0)
    for rule, records in list(done.rules.items())[:_RULES]:
        output.say(f"  {output.paint('✗', 'bad')} {shown(rule).ljust(width)}  {records:>7,} still fail")
    if len(done.rules) > _RULES:
        output.say(f"  … and {len(done.rules) - _RULES} more rules")
