"""Writes the contract that your data suggests, to be read and edited."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwell.cli._data import At, Delimiter, FormatTold, Header, Names, Reading, opened
from stillwell.cli._file import refuse_existing, refuse_same, write
from stillwell.cli._labels import LabelsFile
from stillwell.cli._sampled import MOST_RECORDS, Most
from stillwell.cli._suggestion import Suggested, remarks, suggested
from stillwell.cli.base import Json, Outcome, Output, silence
from stillwell.delivery.durable import refusal

PLACE = ("start", 2)
EXAMPLES = (
    "stillwell suggest day.csv > contract.yml",
    "stillwell suggest readings.txt --delimiter ';' --header time,sensor,value --out contract.yml",
    "stillwell suggest lake/readings --sample 50000 --json",
    "printf 'row,field\\n3,city\\n7,\\n' > marked.csv; stillwell suggest day.csv --labels marked.csv > contract.yml",
)


def suggest(
    data: Names,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over FILE.")] = False,
    labels: LabelsFile = None,
    sample: Most = MOST_RECORDS,
    format: FormatTold = None,
    delimiter: Delimiter = None,
    header: Header = None,
    at: At = None,
    json: Json = False,
) -> Outcome:
    """Write the contract that your data suggests, to be read and edited.

    Types, what is required, ranges, patterns, allowed values, keys and dependencies between columns: each with the
    evidence for it as a comment. What most records do is taken for right. Where that is not so, mark wrong cells in a
    file for --labels: 20 records that you looked at say much about all others. `3,city` there says that record 3 has a
    wrong city (and is right otherwise), `7,` that record 7 is all right; a third column may say the right value.

    Exit code 0: there is a suggestion, 3: there is none.
    """
    output, since = Output(json=json), time.monotonic()
    if out is not None:
        refuse_existing([out], force=force)
    reading = Reading.asked(format, delimiter, header, at)
    with tempfile.TemporaryDirectory(prefix="stillwell-") as state, opened(data, reading, Path(state)) as inputs:
        if out is not None:
            refuse_same(out, [one.path for one in inputs if one.path], "--out")
        found = suggested(data, inputs, sample, output, labels=labels)
        named = tuple(one.name for one in inputs)
    _deliver(found.suggestion.text, out, output)
    # Standard output may hold the contract, which people's text must not spoil.
    people = Output(json=True)
    for line in remarks(found, people):
        people.say(line)
    if out is not None:
        people.say(f"written to {out}; next: stillwell lint {out} · stillwell check {data[0]} --contract {out}")
    output.emit("suggest", plain(found, named, out, time.monotonic() - since))
    return Outcome.YES


def _deliver(text: str, out: Path | None, output: Output) -> None:
    if out is not None:
        write(out, text)
    elif not output.json:
        try:
            # A contract is UTF-8, whatever the terminal's encoding.
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            silence()
            raise refusal(Path("standard output"), error) from error


def plain(found: Suggested, data: tuple[str, ...], out: Path | None, seconds: float) -> dict[str, Any]:
    """The suggestion as plain data."""
    contract, looked = found.contract, found.looked
    return {
        "contract": {"name": contract.name, "version": contract.version, "text": found.suggestion.text},
        "out": str(out) if out else None,
        "data": list(data),
        "records": looked.read,
        "more": looked.more,
        "unread": looked.read - len(looked.table),
        "left_out": list(looked.left_out),
        "labels": {"rows": len(found.labels.rows), "cells": len(found.labels.wrong)} if found.labels else None,
        "evidence": [
            {"rule": one.rule, "says": one.says, "confidence": one.confidence} for one in found.suggestion.evidence
        ],
        "seconds": round(seconds, 3),
    }
