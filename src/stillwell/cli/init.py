"""Writes contract.yml and pipeline.yml for your data, ready to run."""

from __future__ import annotations

import json as jsons
import shlex
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwell._find import find
from stillwell.cli._contract import DEFAULT as CONTRACT
from stillwell.cli._data import At, Data, Delimiter, FormatTold, Header, Reading, opened
from stillwell.cli._file import refuse_existing, write
from stillwell.cli._labels import LabelsFile
from stillwell.cli._pipeline import DEFAULT as PIPELINE
from stillwell.cli._sampled import MOST_RECORDS, Most, name_for
from stillwell.cli._suggestion import remarks, suggested
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.errors import StillwellError, fail
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan

PLACE = ("start", 1)
EXAMPLES = (
    "stillwell init day.csv",
    "stillwell init incoming/ --sample 50000        # a folder: new files are read as they come, run by run",
    "stillwell init lake/readings --force           # writes over contract.yml and pipeline.yml",
)

_PIPELINE = """\
# Where records come from, which contract judges them, and where they go. Paths start from this folder.
pipeline: {name}
contract: {contract}

source:     {source}

accepted:   {{parquet: {{path: judged/{name}/accepted}}}}
quarantine: {{jsonl: {{path: judged/{name}/quarantine.jsonl}}}}   # the record as it came, and why it was rejected

engine:     embedded
"""


def init(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A file, glob, folder, Delta table or kafka://….")],
    force: Annotated[bool, typer.Option("--force", help="Write over contract.yml and pipeline.yml.")] = False,
    labels: LabelsFile = None,
    sample: Most = MOST_RECORDS,
    format: FormatTold = None,
    delimiter: Delimiter = None,
    header: Header = None,
    at: At = None,
    json: Json = False,
) -> Outcome:
    """Write contract.yml and pipeline.yml for your data, into this folder, ready to run.

    The contract is what the data suggests (see `stillwell suggest`): read it before you rely on it. The pipeline judges
    DATA by it, and writes what is good to Parquet files and the rest to a quarantine. Files that are there already are
    left as they are, unless --force is said.

    Exit code 0: both were written, 3: none was.
    """
    output, since = Output(json=json), time.monotonic()
    refuse_existing([CONTRACT, PIPELINE], force=force)
    if data == "-":
        what = "A pipeline for standard input cannot be tried out on what was read already."
        raise fail(StillwellError, "usage", what, "Write the records to a file, and name that.")
    reading = Reading.asked(format, delimiter, header, at)
    with tempfile.TemporaryDirectory(prefix="stillwell-") as state, opened([data], reading, Path(state)) as inputs:
        found = suggested([data], inputs, sample, output, labels=labels)
        name = name_for([data], inputs)
        source = _source(data, inputs, reading)
    new = [path for path in (CONTRACT, PIPELINE) if not path.exists()]
    write(CONTRACT, found.suggestion.text)
    write(PIPELINE, _PIPELINE.format(name=name, contract=CONTRACT, source=source))
    try:
        # What was written is tried, so that nobody finds out later that it does not run.
        plan(load(PIPELINE)).try_doors()
    except StillwellError:
        for path in new:
            path.unlink()
        raise
    for line in remarks(found, output):
        output.say(line)
    output.say(f"written: {CONTRACT} and {PIPELINE}")
    quoted = shlex.quote(shown(data))
    output.say("next:")
    output.say(f"  read and edit {CONTRACT}: it asks what is usual in this data, and you know what is right")
    output.say(f"  stillwell check {quoted}{' …' if reading.told() else ''}".ljust(40) + "  what it finds in this data")
    output.say("  stillwell run".ljust(40) + f"  judge all of it, into judged/{name}")
    output.emit(
        "init",
        {
            "contract": str(CONTRACT),
            "pipeline": str(PIPELINE),
            "name": name,
            "records": found.looked.read,
            "fields": len(found.contract.fields),
            "rules": len(found.suggestion.evidence),
            "seconds": round(time.monotonic() - since, 3),
        },
    )
    return Outcome.YES


def _source(named: str, inputs: list[Data], reading: Reading) -> str:
    """The source of a pipeline over this data, as one line of YAML: the connector with its options.

    Raises:
        StillwellError: code `unknown-format`, for files of several formats.
    """
    if len({repr(one.format) for one in inputs}) > 1:
        what = f"{named} has files of several formats."
        raise fail(StillwellError, "unknown-format", what, "Name those of one format, for example by a glob in quotes.")
    told = reading.told()
    if "://" in named:
        connector = named.partition("://")[0]
        return _inline(
            {connector: find("connectors", connector, "url_options")(named) | ({"format": told} if told else {})},
            dollar="$",
        )
    options: dict[str, Any] = {"path": named}
    if inputs[0].versioned:
        return _inline({"delta": options | ({"at": reading.at} if reading.at else {})})
    return _inline({"files": options | ({"format": told} if told else {})})


def _inline(value: Any, dollar: str = "$$") -> str:
    """Maps and lists in braces; every text in quotes, where a dollar would mean a variable unless it is doubled."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(one, dollar)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one, dollar) for one in value) + "]"
    return jsons.dumps(str(value), ensure_ascii=False).replace("$", dollar)
