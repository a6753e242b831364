"""What the verbs about pipelines share: which file is meant, how a run is watched, interrupted and summed up."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwell.cli._early import ASKED
from stillwell.cli._live import Picture, drawn
from stillwell.cli.base import Output
from stillwell.connectors.base import Waiting
from stillwell.engines.base import Progress, Summary
from stillwell.errors import StillwellError, fail
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import Plan, plan
from stillwell.pipeline.run import run

_GAPS = 5

DEFAULT = Path("pipeline.yml")


Engine = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="Run on this engine, whatever the file says.")
]
"""The parameter `engine` of verbs that plan a pipeline."""


def planned(path: Path | None, settings: Sequence[str], output: Output, engine: str | None = None) -> Plan:
    """The plan of a pipeline: of the file, of the pipeline.yml in the folder, or of the one here.

    `engine` is another one than the file names; options that the file gives to the same engine are kept.
    """
    file = path or DEFAULT
    if file.is_dir():
        file = file / DEFAULT
    if path is None and not file.exists():
        what = "There is no pipeline.yml here."
        raise fail(StillwellError, "no-pipeline", what, "Name one, or see what a run looks like: stillwell demo")
    if path is None:
        output.say(f"{file}")
    made = plan(load(file, settings).on(engine))
    for warning in made.warnings:
        output.say(output.paint(f"warning  {warning}", "warn"))
    return made


def named(plan: Plan) -> str:
    """The pipeline as a later command would name it, after a space; nothing where it is the one here."""
    file = plan.pipeline.file
    return "" if file == "pipeline.yml" else f" {file}"


def watched(
    made: Plan,
    output: Output,
    *,
    quiet: bool,
    watch: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Summary:
    """Run a plan, drawing how it goes; the first interruption finishes the open epoch, a second one ends it at once.

    `stop` is set by interruptions, where somebody heeds them already.
    """
    source = made.job.source
    monitor = made.monitor
    picture = Picture(
        waits=lambda: source.waits if isinstance(source, Waiting) else "",
        found=lambda: 0 if monitor is None else monitor.found,
    )

    def see(progress: Progress) -> None:
        picture.see(progress)
        if watch is not None:
            watch(progress)

    title = f"{made.pipeline.file} · {made.pipeline.engine.name}"
    with ExitStack() as closing:
        heeding = stop or closing.enter_context(interruptible(output))
        closing.enter_context(drawn(picture, title, output, quiet=quiet))
        return run(made, see, heeding)


@contextmanager
def interruptible(output: Output) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, perhaps before we were here; the second of them ends the process."""
    stop = threading.Event()
    if ASKED.is_set():
        stop.set()
    before: dict[int, Any] = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def at_once(number: int, _frame: object) -> None:
        # A sink that hangs would hold up any gentler end; and what is committed stands, the next run does the rest.
        os._exit(128 + number)

    def asked(_number: int, _frame: object) -> None:
        for one in before:
            signal.signal(one, at_once)
        stop.set()
        output.say("finishing the open epoch; once more to end at once")

    for one in before:
        signal.signal(one, asked)
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def summed(summary: Summary) -> dict[str, Any]:
    """A summary as plain data: what `--json` gives of a run."""
    tally = summary.tally
    stopped = summary.stopped
    return {
        "read": summary.read,
        "accepted": summary.accepted,
        "quarantined": summary.quarantined,
        "conserved": summary.conserved,
        "warned": summary.warned,
        "repaired": summary.repaired,
        "epochs": summary.epochs,
        "recovered": summary.recovered,
        "seconds": round(summary.seconds, 3),
        "rules": {} if tally is None else dict(sorted(tally.failures().items(), key=lambda one: -one[1])),
        "stopped": None
        if stopped is None
        else {"rule": stopped.rule, "partition": stopped.partition, "offset": stopped.offset},
        "interrupted": summary.interrupted,
        "forgotten": summary.forgotten,
        "gaps": [dataclasses.asdict(gap) for gap in summary.gaps],
    }


def say_summary(summary: Summary, output: Output) -> None:
    """The closing lines of a run."""
    kept = output.paint("conserved ✓", "good") if summary.conserved else output.paint("NOT CONSERVED ✗", "bad")
    output.say("─" * 80)
    output.say(f"read {summary.read:,} = accepted {summary.accepted:,} + quarantined {summary.quarantined:,}   {kept}")
    rate = summary.read / max(summary.seconds, 1e-3)
    parts = [_epochs(summary.epochs), f"warned {summary.warned:,}", f"repaired {summary.repaired:,}"]
    parts += [f"{_epochs(summary.recovered)} of an earlier run finished"] if summary.recovered else []
    output.say(" · ".join([*parts, f"{summary.seconds:.1f} s", f"{rate:,.0f} records/s"]))
    for gap in summary.gaps[:_GAPS]:
        output.say(
            output.paint("! ", "warn")
            + f"partition {gap.partition}, offsets {gap.start:,} to {gap.end - 1:,}: gone before they could be read"
        )
    if len(summary.gaps) > _GAPS:
        output.say(f"  and {len(summary.gaps) - _GAPS:,} more gaps: --json names them all")
    if summary.forgotten:
        output.say(
            output.paint("! ", "warn")
            + f"{summary.forgotten:,} keys had to be forgotten and begin anew: `limits: {{keys: N}}` remembers more"
        )
    if summary.stopped is not None:
        stop = summary.stopped
        output.say(
            output.paint(f"stopped by {stop.rule}, partition {stop.partition} offset {stop.offset:,}", "bad")
            + ": that record is quarantined; a new run goes on after this epoch"
        )


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'s' * (count != 1)}"
