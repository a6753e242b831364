"""Why records were judged as they were: for each broken rule what was seen, what was expected, and who asks for it."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.api import as_batch
from stillwell.cli._data import DataFormat, Reading, opened, placed
from stillwell.cli.base import Output, shown
from stillwell.cli.explain.asked import source
from stillwell.contract.model import Contract
from stillwell.contract.rules import rule_list
from stillwell.kernel import Judged, Kernel
from stillwell.kernel.base import QUARANTINED
from stillwell.kernel.sequence.history import History

MOST = 100
"""How many records are explained; more are for `check`."""

_LARGEST_DOCUMENT = 16 << 20


@dataclass(frozen=True)
class Told:
    """One record: where it is, its verdict, and its reasons (warnings, where it was accepted) and repairs."""

    place: Mapping[str, int]
    quarantined: bool
    reasons: tuple[dict[str, Any], ...]
    repairs: tuple[dict[str, Any], ...]

    @property
    def verdict(self) -> str:
        """In the words of the design."""
        if self.quarantined:
            return "quarantined"
        parts = [name for name, found in (("warnings", self.reasons), ("repairs", self.repairs)) if found]
        return "accepted" + (f" with {' and '.join(parts)}" if parts else "")

    def plain(self, contract: Contract, only: str | None) -> dict[str, Any]:
        """As plain data; each reason with the place in the contract that asks for it."""
        lines = {rule.name: rule.line for rule in rule_list(contract)}
        reasons = (
            {"schema": "stillwell.reason/1", **one, "file": contract.file, "line": lines[one["rule"]]}
            for one in self.reasons
            if only in (None, one["rule"])
        )
        repairs = [one for one in self.repairs if only in (None, one["rule"])]
        return {**self.place, "verdict": self.verdict, "reasons": list(reasons), "repairs": repairs}


def judged(contract: Contract, name: str, reading: Reading, clock: dt.datetime, state: Path) -> Iterator[Told]:
    """The first records of a file or of standard input (`-`), judged.

    Raises:
        StillwellError: when they cannot be read.
    """
    document = _document(name, reading)
    if document is not None:
        places = ({document[0]: number} for number in range(1, MOST + 1))
        yield from _told(Kernel(contract).judge(as_batch(document[1][:MOST]), clock), places)
        return
    with opened([name], reading, state) as inputs:
        left, history = MOST, History(contract)
        for one in inputs:
            kernel = Kernel(contract, format=one.format)
            for part in one.parts():
                few = part.batch.slice(0, left)
                yield from _told(kernel.judge(few, clock, history), map(part.place, range(len(few))))
                left -= len(few)
                if not left:
                    return


def lines(contract: Contract, records: list[Told], only: str | None, output: Output) -> Iterator[str]:
    """The same as people read it."""
    rules = {rule.name: rule for rule in rule_list(contract)}
    for one in records:
        style = "bad" if one.quarantined else "warn" if one.reasons or one.repairs else "good"
        yield f"{placed(one.place)}: {output.paint(one.verdict, style)}"
        for reason in (reason for reason in one.reasons if only in (None, reason["rule"])):
            mark = output.paint("!", "warn") if reason["severity"] == "warn" else output.paint("✗", "bad")
            field = f"{shown(reason['field'])} " if reason["field"] else ""
            yield f"  {mark} {reason['rule']}  {field}saw {_seen(reason['seen'])}, expected {shown(reason['expected'])}"
            if line := rules[reason["rule"]].line:
                yield output.paint(f"      {source(contract, line)}", "dim")
        for repair in (repair for repair in one.repairs if only in (None, repair["rule"])):
            yield f"  ~ {repair['rule']}  {shown(repair['field'])} was {_seen(repair['before'])}"
    if not records:
        yield "there is no record"
    elif len(records) == MOST:
        yield f"these are the first {MOST} records; `stillwell check` judges all of them"


def _document(name: str, reading: Reading) -> tuple[str, list[Any]] | None:
    """Records of a JSON document (one object, or a list of them) and how they are counted; None for any other data."""
    if reading.format not in (None, DataFormat.JSON):
        return None
    if name == "-":
        content = sys.stdin.buffer.read()
        return _parsed(content) or ("line", list(content.splitlines()))
    path = Path(name)
    if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size > _LARGEST_DOCUMENT:
        return None
    return _parsed(path.read_bytes())


def _parsed(content: bytes) -> tuple[str, list[Any]] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        return "record", [content.strip()]
    return ("record", [json.dumps(one, ensure_ascii=False) for one in found]) if isinstance(found, list) else None


def _told(judged: Judged, places: Iterable[Mapping[str, int]]) -> Iterator[Told]:
    rejected = iter(judged.quarantined["reasons"].to_pylist())
    trace: pa.ChunkedArray = judged.accepted["_stillwell"]
    accepted = iter(trace.to_pylist())
    for place, verdict in zip(places, judged.verdicts.to_pylist(), strict=False):
        if verdict == QUARANTINED:
            yield Told(place, True, tuple(next(rejected)), ())
        else:
            one = next(accepted)
            yield Told(place, False, tuple(one["warnings"] or ()), tuple(one["repairs"] or ()))


def _seen(seen: str | None) -> str:
    return "nothing" if seen is None else shown(seen)
