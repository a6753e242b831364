"""Judges files or a table by a contract, and says which rules were broken."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._contract import chosen
from stillwell.cli._data import Data, DataFormat, Reading, opened
from stillwell.cli._values import instant, share
from stillwell.cli.base import Json, Outcome, Output
from stillwell.cli.check.answer import Answer, plain
from stillwell.cli.check.found import Found
from stillwell.cli.check.rejects import Rejects, rejects
from stillwell.cli.check.table import lines
from stillwell.contract.model import Contract
from stillwell.kernel import Format, Kernel

PLACE = ("start", 3)
EXAMPLES = (
    "stillwell check day.csv                         # by contract.yml here",
    "stillwell check data/*.jsonl.gz --contract sensors.yml --tolerate 1%",
    "stillwell check lake/readings --at 12 --quarantine rejects.jsonl",
    "curl -s https://example.org/readings | stillwell check - --json",
)

# Nothing is said by windows here: one wide window keeps the counting short.
_WHOLE = dt.timedelta(days=36_525)


def check(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="Files, globs, folders, a Delta table, or - for stdin.")
    ],
    contract: Annotated[Path | None, typer.Option(metavar="FILE", help="The contract; contract.yml here.")] = None,
    format: Annotated[DataFormat | None, typer.Option(help="Where names do not tell it.")] = None,
    delimiter: Annotated[str | None, typer.Option(metavar="TEXT", help="Between the cells of delimited text.")] = None,
    header: Annotated[str | None, typer.Option(metavar="A,B,…", help="Column names, where no line has them.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Version or time of a Delta table; the newest.")
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write rejects to a .jsonl or .parquet file, or a new Delta table."),
    ] = None,
    tolerate: Annotated[str, typer.Option(metavar="SHARE", help="Pass with so many rejected, for example 1%.")] = "0%",
    warn_ok: Annotated[
        bool, typer.Option("--warn-ok", help="Exit 0 instead of 2 when there are only warnings.")
    ] = False,
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="What `now` in the contract means; now.")] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=0, help="How many examples of each broken rule.")] = 1,
    json: Json = False,
) -> Outcome:
    """Judge files or a table by a contract, and say which rules were broken.

    Exit code 0: passed, 1: records were rejected, 2: only warnings (or nothing to judge), 3: it could not be told.
    Records that break a rule of severity `fail` are never tolerated.
    """
    judging = chosen(contract)
    reading = Reading(
        format, delimiter and delimiter.replace("\\t", "\t"), tuple((header or "").split(",")) if header else (), at
    )
    clock = instant(as_of, "--as-of") if as_of else dt.datetime.now(dt.UTC).replace(microsecond=0)
    tolerated = share(tolerate, "--tolerate")
    output, since = Output(json=json), time.monotonic()
    with ExitStack() as closing:
        state = closing.enter_context(tempfile.TemporaryDirectory(prefix="stillwell-"))
        inputs = closing.enter_context(opened(data, reading, Path(state)))
        keeping = closing.enter_context(rejects(quarantine, [one.path for one in inputs if one.path]))
        found = _judge(judging, inputs, clock, samples, keeping, output)
    answer = Answer(
        contract=judging,
        data=tuple(one.name for one in inputs),
        clock=clock,
        told=as_of is not None,
        tolerated=tolerated,
        warn_ok=warn_ok,
        seconds=time.monotonic() - since,
        quarantine=quarantine,
        found=found,
    )
    for line in lines(answer, output):
        output.say(line)
    output.emit("check", plain(answer))
    return answer.outcome


def _judge(
    contract: Contract, inputs: list[Data], clock: dt.datetime, samples: int, keeping: Rejects, output: Output
) -> Found:
    found = Found(contract, samples)
    # Compiled for every format that occurs before anything is read: what cannot be judged is refused at once.
    kernels = {_key(one.format): Kernel(contract, format=one.format, window=_WHOLE) for one in inputs}
    for one in inputs:
        for part in one.parts():
            judged = kernels[_key(one.format)].judge(part.batch, clock)
            found.add(one, part, judged)
            keeping.add(judged.quarantined)
            output.progress(f"{found.read:,} records")
    output.progress("")
    return found


def _key(form: Format) -> tuple[str, str]:
    return form.name, repr(sorted(form.options.items()))
