"""Judges files or a table by a contract, and says which rules were broken."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from stillwell.cli._contract import DEFAULT, chosen
from stillwell.cli._data import (
    UNREADABLE,
    At,
    Data,
    Delimiter,
    FormatTold,
    Header,
    Limit,
    Names,
    Reading,
    legible,
    opened,
)
from stillwell.cli._sampled import MOST_RECORDS
from stillwell.cli._suggestion import suggested
from stillwell.cli._values import instant, share
from stillwell.cli.base import Json, Outcome, Output
from stillwell.cli.check.answer import Answer, plain
from stillwell.cli.check.cells import cells as cells_to
from stillwell.cli.check.found import Found
from stillwell.cli.check.rejects import rejects
from stillwell.cli.check.spread import count_on
from stillwell.cli.check.table import lines
from stillwell.contract.model import Contract
from stillwell.errors import ConnectorError, Problem, StillwellError, fail
from stillwell.kernel import Format, Judged, Kernel
from stillwell.kernel.scan import Scan
from stillwell.kernel.sequence.history import History

PLACE = ("start", 3)
EXAMPLES = (
    "stillwell check day.csv                         # by contract.yml here, or else by what the data suggests",
    "stillwell check day.csv --contract contract.yml --cells cells.csv",
    "stillwell check data/*.jsonl.gz --contract sensors.yml --tolerate 1%",
    "stillwell check lake/readings --at 12 --quarantine rejects.jsonl",
    "stillwell check kafka://localhost:9092/sensor-topic --contract sensors.yml --limit 10000",
    "stillwell check lake/readings --contract sensors.yml --engine spark",
    "curl -s https://example.org/readings | stillwell check - --json",
)

_Contract = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The contract; contract.yml here, or else what the data suggests.")
]
_Cells = Annotated[
    Path | None,
    typer.Option(metavar="OUT", help="Write a CSV line row,field,rule for each flagged cell; rows count from 1."),
]
_Quarantine = Annotated[
    Path | None, typer.Option(metavar="OUT", help="Write rejects to a .jsonl or .parquet file, or a new Delta table.")
]

_Engine = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="Count there, file by file; here unless said.")
]

Told: TypeAlias = Sequence[Callable[[Judged], None]]
"""Who wants to see every verdict."""

# Nothing is said by windows here: one wide window keeps the counting short.
_WHOLE = dt.timedelta(days=36_525)


def check(
    data: Names,
    contract: _Contract = None,
    format: FormatTold = None,
    delimiter: Delimiter = None,
    header: Header = None,
    at: At = None,
    limit: Limit = None,
    cells: _Cells = None,
    quarantine: _Quarantine = None,
    tolerate: Annotated[str, typer.Option(metavar="SHARE", help="Pass with so many rejected, for example 1%.")] = "0%",
    warn_ok: Annotated[bool, typer.Option("--warn-ok", help="Exit 0 instead of 2 for nothing but warnings.")] = False,
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="What `now` in the contract means; now.")] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=0, help="How many examples of each broken rule.")] = 1,
    engine: _Engine = None,
    json: Json = False,
) -> Outcome:
    """Judge files or a table by a contract, and say which rules were broken.

    Without a contract the data is judged by what it suggests itself (see `stillwell suggest`). In the file of --cells a
    row is the number of a record: from 1, in the order of the data, without the header. A file that cannot be read does
    not keep the others from being judged.

    Exit code 0: passed, 1: records were rejected, 2: only warnings (or nothing to judge), 3: it could not be told.
    Records that break a rule of severity `fail` are never tolerated.
    """
    judging = chosen(contract) if contract is not None or DEFAULT.exists() else None
    _refuse_rows(engine, judging, cells, quarantine)
    reading = Reading.asked(format, delimiter, header, at, limit)
    clock = instant(as_of, "--as-of") if as_of else dt.datetime.now(dt.UTC).replace(microsecond=0)
    tolerated = share(tolerate, "--tolerate")
    output, since = Output(json=json), time.monotonic()
    with ExitStack() as closing:
        state, broken = closing.enter_context(tempfile.TemporaryDirectory(prefix="stillwell-")), list[Problem]()
        inputs = closing.enter_context(opened(data, reading, Path(state), broken))
        judging_by = judging or suggested(data, inputs, MOST_RECORDS, output, tolerant=True).contract
        keeping = closing.enter_context(rejects(quarantine, [one.path for one in inputs if one.path]))
        flagging = closing.enter_context(cells_to(cells, judging_by, inputs, quarantine))
        # Where nobody asks for rows or for what fields are like, counting is enough, and several times as fast.
        rows: Told = (lambda judged: keeping.add(judged.quarantined), flagging.add)
        told = rows if quarantine or cells or json or judging_by.table else ()
        found = Found(judging_by, samples, Path(state))
        if not count_on(engine, inputs, judging_by, clock, _WHOLE, found):
            _judge(judging_by, inputs, clock, told, found, broken, output)
    answer = Answer(
        contract=judging_by,
        suggested=judging is None,
        data=tuple(one.name for one in inputs),
        clock=clock,
        told=as_of is not None,
        tolerated=tolerated,
        warn_ok=warn_ok,
        seconds=time.monotonic() - since,
        quarantine=quarantine,
        cells=cells,
        flagged=flagging.count,
        unreadable=tuple(broken),
        found=found,
    )
    return _told(answer, output)


def _refuse_rows(engine: str | None, contract: Contract | None, *asked: Path | None) -> None:
    if engine is not None and any(asked):
        what = "On an engine records are counted, and none of them comes back."
        raise fail(StillwellError, "usage", what, "Leave --cells and --quarantine out, or --engine.")
    if engine is not None and contract is not None and contract.table:
        what = "On an engine records are counted, and what they are like all together is not known."
        raise fail(StillwellError, "usage", what, "Leave --engine out, or `table` out of the contract.")


def _told(answer: Answer, output: Output) -> Outcome:
    output.problems(answer.unreadable)
    for line in lines(answer, output):
        output.say(line)
    output.emit("check", plain(answer))
    return answer.outcome


def _judge(
    contract: Contract,
    inputs: list[Data],
    clock: dt.datetime,
    told: Told,
    found: Found,
    broken: list[Problem],
    output: Output,
) -> Found:
    """Judge all inputs and tell everybody, or count; what cannot be read to its end is `broken` if there are others."""
    # Compiled for every format that occurs before anything is read: what cannot be judged is refused at once.
    kernels = {_key(one.format): Kernel(contract, format=one.format, window=_WHOLE) for one in inputs}
    history = History(contract) if contract.sequence else None
    for one in inputs:
        try:
            for _ in _judged(one, kernels[_key(one.format)], clock, told, found, history):
                output.progress(f"{found.read:,} records")
        except ConnectorError as error:
            if len(inputs) + len(broken) == 1 or any(problem.code != UNREADABLE for problem in error.problems):
                raise
            broken += error.problems
        finally:
            output.progress("")
    if broken and not found.read:
        raise StillwellError(broken)
    found.finish()
    return found


def _judged(
    data: Data, kernel: Kernel, clock: dt.datetime, told: Told, found: Found, history: History | None
) -> Iterator[None]:
    """Judge one input, or count it where nobody is told, and say when to show how far it is."""
    counted = not told and history is None
    if counted and data.format.name == "arrow" and data.path and not data.versioned and data.limit is None:
        with legible(data.name):
            counts = kernel.count(Scan(data.path), clock, samples=found.most)
        found.add_counts(data, counts, None)
        yield
        return
    for part in data.parts():
        if not counted:
            judged = kernel.judge(part.batch, clock, history)
            found.add(data, part, judged)
            for tell in told:
                tell(judged)
        else:
            found.add_counts(data, kernel.count(part.batch, clock, samples=found.most), part)
        yield


def _key(form: Format) -> tuple[str, str]:
    return form.name, repr(sorted(form.options.items()))
