"""Runs a pipeline: reads, judges and writes until its source ends or you stop it."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._pipeline import Engine, interruptible, planned, say_summary, summed, watched
from stillwell.cli._windows import SHOWN, say_watched, watched_plain
from stillwell.cli.base import Json, Outcome, Output
from stillwell.engines.base import Progress
from stillwell.monitor.base import Finding

PLACE = ("start", 4)
EXAMPLES = (
    "stillwell run",
    "stillwell run pipelines/sensors.yml --plan",
    "stillwell run --set epoch.records=100000 --json",
    "stillwell run --engine spark",
)


def run(
    pipeline: Annotated[
        Path | None, typer.Argument(metavar="[PIPELINE]", help="The file, or its folder; pipeline.yml here.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be read and written, try all doors, write nothing.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Put another value in the file's place; may be repeated."),
    ] = None,
    engine: Engine = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
    json: Json = False,
) -> Outcome:
    """Run a pipeline.

    It starts where the last run ended, after finishing what that one had begun. One interruption (Ctrl-C) ends it after
    the open epoch. Exit code: 0 when it ended or was stopped, whatever was quarantined; 1 when a rule of severity fail,
    of records or of windows, stopped it; 2 when records were gone from the source before they could be read.
    """
    output = Output(json=json)
    if plan:
        made = planned(pipeline, settings or (), output, engine)
        lines = made.try_doors()
        for line in lines:
            output.say(line)
        output.emit("plan", {"pipeline": made.pipeline.name, "steps": [" ".join(line.split()) for line in lines]})
        return Outcome.YES

    def tell(progress: Progress) -> None:
        judged = progress.judged
        output.emit(
            "epoch",
            {
                "read": judged.read,
                "accepted": len(judged.accepted),
                "quarantined": len(judged.quarantined),
                "rules": judged.tally.failures(),
                "lag": progress.lag,
                "recovered": progress.recovered,
            },
        )

    def found(finding: Finding) -> None:
        output.emit("finding", finding.plain())
        latest.append(finding)

    latest = deque[Finding](maxlen=SHOWN)
    with interruptible(output) as stop:
        made = planned(pipeline, settings or (), output, engine)
        if made.monitor is not None:
            made.monitor.listen(found)
        summary = watched(made, output, quiet=quiet, watch=tell, stop=stop)
    say_summary(summary, output)
    if made.monitor is not None:
        say_watched(made.monitor, latest, output)
    output.emit("run", {"pipeline": made.pipeline.name, **summed(summary), "windows": watched_plain(made.monitor)})
    stopped = summary.stopped is not None or (made.monitor is not None and made.monitor.stopped is not None)
    return Outcome.NO if stopped else Outcome.WARNED if summary.gaps else Outcome.YES
