"""What all verbs of the quarantine are asked: which pipeline, and which of its records."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwell.cli._pipeline import named
from stillwell.cli.base import Output
from stillwell.delivery.selection import Selection
from stillwell.pipeline.plan import Plan
from stillwell.pipeline.quarantine.replay import Done

File = Annotated[Path | None, typer.Argument(metavar="[PIPELINE]", help="The file, or its folder; pipeline.yml here.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As the runs had it; may be repeated.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="KEY=VALUE",
        help="Only these records: rule, field, version (* is any text), key, partition, offset (10 or 10..20), since, "
        "until (ingest time), state (open, new, failing, passed). Several keys must all hold; of one key, any value.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and write nothing.")]


def meant(where: list[str] | None) -> Selection:
    """The selection that was asked for.

    Raises:
        StillwellError: code `bad-where`.
    """
    return Selection.parse(where or ())


def moment(time: dt.datetime | None) -> str:
    """A time as people read it, in UTC to the second."""
    return "" if time is None else time.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def instant(time: dt.datetime | None) -> str | None:
    """A time for machines."""
    return None if time is None else time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def unfinished(name: str, plan: Plan, output: Output) -> None:
    """Say that a replay or an expiry was killed, and how it goes on."""
    verb = name.partition("-")[0]
    how = f"{name} did not come to its end: stillwell quarantine {verb}{named(plan)} finishes it first"
    output.say(output.paint(how, "warn"))


def summed(done: Done) -> dict[str, Any]:
    """What became of a run over the quarantine, as plain data."""
    return {
        "name": done.name or None,
        "where": str(done.selection),
        "contract": done.contract,
        "version": done.version,
        "records": done.read,
        "resumed": done.resumed,
    }
