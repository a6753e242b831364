"""Shows a faulty sensor stream being judged; needs no service and no file."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import stillwell
from stillwell.cli._events import Events
from stillwell.cli._pipeline import planned, say_summary, summed, watched
from stillwell.cli._score import Score
from stillwell.cli.base import Json, Outcome, Output
from stillwell.delivery.durable import writing
from stillwell.errors import StillwellError, fail
from stillwell.pipeline.lock import run_lock
from stillwell.pipeline.plan import Plan

PLACE = ("start", 0)
EXAMPLES = (
    "stillwell demo",
    "stillwell demo --seconds 10",
    "stillwell demo --rows 200000 --quiet --json",
    "stillwell demo --scenario history --rows 200000",
)


class Scenario(StrEnum):
    """Which faults a demo is about: those that one record shows, or those that show beside earlier ones only."""

    RECORDS = "records"
    HISTORY = "history"


CONTRACTS = {Scenario.RECORDS: "contract.yml", Scenario.HISTORY: "history.yml"}

SECONDS = 30.0
RATE = 40_000
SENSORS = 100
READING = 60
"""Seconds of event time between two readings of a sensor."""

MARKER = ".made-by-stillwell-demo"

PIPELINE = """\
# Written by `stillwell demo`. The contract beside it is yours to change: then `stillwell run {folder}` goes on with it.
pipeline: demo
contract: contract.yml
source:     {{generator: {{{source}}}}}
accepted:   {{delta: {{path: accepted}}}}
quarantine: {{delta: {{path: quarantine}}}}
engine:     embedded
"""


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where its files and tables go; what an earlier demo left there is replaced.")
    ] = Path("demo"),
    rows: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many records as fast as it goes, instead of a time.")
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="N", min=0.1, help="How long it runs.")] = SECONDS,
    rate: Annotated[int, typer.Option(metavar="N", min=1, help="Records a second.")] = RATE,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other records.")] = 7,
    scenario: Annotated[
        Scenario, typer.Option(help="Faults that one record shows, or those that only its sensor's history shows.")
    ] = Scenario.RECORDS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
    json: Json = False,
) -> Outcome:
    """Judge made-up sensor readings, one in ten faulty, for half a minute, and hold the verdicts against the truth.

    Good records land in a Delta table, bad ones in another with the reasons. Exit code: 0 if every fault that the
    scenario is about was caught and no clean record was rejected, else 1.
    """
    output = Output(json=json)
    source = (
        f"rows: {rows}"
        if rows is not None
        else f"seconds: {seconds:g}, rate: {rate}, speed: {rate * READING / SENSORS:g}"
    )
    made = _prepared(folder, f"{source}, sensors: {SENSORS}, seed: {seed}", scenario, output)
    score = Score() if scenario is Scenario.RECORDS else Events(made.job.contract, SENSORS)
    summary = watched(made, output, quiet=quiet, watch=score.see)
    say_summary(summary, output)
    _say(score, folder, output)
    output.emit(
        "run",
        {
            "pipeline": made.pipeline.name,
            **summed(summary),
            "precision": score.precision,
            "recall": score.recall,
            "by_fault": score.by_fault(),
        },
    )
    return Outcome.YES if summary.conserved and score.precision == score.recall == 1.0 else Outcome.NO


def _prepared(folder: Path, source: str, scenario: Scenario, output: Output) -> Plan:
    """The files of the demo in a new folder, planned; the tally is kept by sensor, to show which are worst."""
    _cleared(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
        shutil.copy(example("sensors") / CONTRACTS[scenario], folder / "contract.yml")
        (folder / "pipeline.yml").write_text(PIPELINE.format(folder=folder, source=source), encoding="utf-8")
    made = planned(folder, (), output)
    return dataclasses.replace(made, job=dataclasses.replace(made.job, group=("sensor_id",)))


def _cleared(folder: Path) -> None:
    """Take away what an earlier demo left, and nothing else: no other files, and nothing of a demo that still runs."""
    if folder.exists() and not folder.is_dir():
        raise fail(StillwellError, "not-empty", f"{folder} is a file.", "Name another folder: stillwell demo FOLDER")
    left = list(folder.iterdir()) if folder.exists() else []
    if left and folder / MARKER not in left:
        what = f"{folder} exists and was not made by the demo."
        raise fail(StillwellError, "not-empty", what, "Name another folder: stillwell demo FOLDER")
    with run_lock("demo", folder / ".stillwell" / "demo") if left else nullcontext(), writing(folder):
        # The marker stays: a folder that was cleared by half is still the demo's own.
        for one in left:
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            elif one.name != MARKER:
                one.unlink()


def example(name: str) -> Path:
    """The folder of an example: inside the installed package, or in the checkout around it."""
    package = Path(stillwell.__file__).parent
    inside = package / "_examples" / name
    return inside if inside.exists() else package.parents[1] / "examples" / name


def _say(score: Score | Events, folder: Path, output: Output) -> None:
    visible = score.by_fault().values()
    injected, caught = (sum(pair[index] for pair in visible) for index in (0, 1))
    output.say(f"injected faults caught {caught:,} of {injected:,} · clean records rejected {score.clean_rejected:,}")
    if isinstance(score, Events):
        output.say(
            " · ".join(f"{kind} {caught:,} of {injected:,}" for kind, (injected, caught) in score.by_fault().items())
        )
    output.say(
        f"accepted {folder}/accepted (Delta)   quarantine {folder}/quarantine (Delta)   contract {folder}/contract.yml"
    )
    command = "stillwell" if shutil.which("stillwell") else os.path.relpath(sys.argv[0])
    for verb in (
        f"audit {folder}",
        f"explain {folder}/contract.yml",
        f"check yours.csv --contract {folder}/contract.yml",
    ):
        output.say(f"next  {command} {verb}")
