"""Numbered runs over a quarantine: replays and expiries, each begun and ended by a line in their ledger.

A run is about what its first line says (selection, ranges, contract, clock), however often it is killed and started
again; and a run begins only when the one before has ended. The lines are intents that all move one mark, from even to
odd and back, by the ledger's compare-and-swap: of two processes that begin a run, whichever it is, one is fenced.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stillwell.delivery.commit import Identity
from stillwell.delivery.intent import Intent
from stillwell.delivery.ledger import Ledger
from stillwell.delivery.selection import Selection
from stillwell.delivery.slice import Position, Slice, mark_name
from stillwell.errors import Fenced, fail
from stillwell.kernel.digest import Facts

Kind = Literal["replay", "expire"]

LINE = -1
"""The partition of the lines that begin and end a run."""

_NOTHING = Facts(0, 0, 0, 0, 0, 0, "", 0)


@dataclass(frozen=True)
class Numbered:
    """A run over the quarantine: which records it is about, below which offsets, and what judges them."""

    kind: Kind
    number: int
    selection: Selection
    upto: Mapping[int, int]
    contract: str
    clock: dt.datetime

    @property
    def name(self) -> str:
        """What outcomes and accepted rows call it: `replay-3`."""
        return f"{self.kind}-{self.number}"


class Register:
    """The runs over the quarantine of one pipeline, whose records came from `origin`."""

    def __init__(self, ledger: Ledger, pipeline: str, origin: str, versions: Mapping[str, str]) -> None:
        self._ledger = ledger
        self._pipeline = pipeline
        self._origin = origin
        self._versions = versions

    def runs(self) -> list[Numbered]:
        """Every run, oldest first."""
        return [_from_line(line) for line in self._lines() if _begins(line)]

    def unfinished(self) -> Numbered | None:
        """The run that has begun and not ended; there is one at most."""
        lines = self._lines()
        return _from_line(lines[-1]) if lines and _begins(lines[-1]) else None

    def _lines(self) -> list[Intent]:
        ours = (self._pipeline, self._lines_of)
        return [intent for intent in self._ledger.intents() if (intent.pipeline, intent.source) == ours]

    @property
    def _lines_of(self) -> str:
        return f"{self._origin}#runs"

    def begin(self, run: Numbered, text: str, marks: Iterable[str] = ()) -> Numbered:
        """Begin a run under the next number: above that of any run in the ledger and in these marks of sinks.

        `text` is that of its contract.

        Raises:
            Fenced: when somebody else began one in between.
        """
        lines = self._lines()
        if lines and _begins(lines[-1]):
            raise fail(
                Fenced,
                "fenced",
                f"{_from_line(lines[-1]).name} began in the meantime and has not ended.",
                "Let it end, or start again: what was killed is finished first.",
            )
        known = [one.number for one in map(_from_line, filter(_begins, lines)) if one.kind == run.kind]
        found = (re.search(rf"#{run.kind}-(\d+)/-?\d+$", name) for name in marks)
        known += [int(one[1]) for one in found if one]
        begun = dataclasses.replace(run, number=max(known, default=0) + 1)
        said = {
            "kind": begun.kind,
            "number": begun.number,
            "selection": run.selection.to_json(),
            "upto": {str(part): end for part, end in run.upto.items()},
        }
        # One look decides: if a run begins after it, the mark stands elsewhere.
        self._declare(begun, text, len(lines), json.dumps(said, sort_keys=True))
        return begun

    def end(self, run: Numbered) -> None:
        """Say that nothing is left to be done of a run.

        Raises:
            Fenced: when somebody else said so before.
        """
        began = next(line for line in self._lines() if _begins(line) and _from_line(line).name == run.name)
        self._declare(run, self._ledger.contract_text(run.contract), began.slices[0].end.offset, "")

    def ledger(self, run: Numbered) -> RunLedger:
        """The ledger as far as it is about one run."""
        return RunLedger(self._ledger, self._source(run))

    def identity(self, run: Numbered) -> Identity:
        """What a run delivers."""
        text = self._ledger.contract_text(run.contract)
        return dataclasses.replace(self._identity(run), contract_text=text)

    def _declare(self, run: Numbered, text: str, at: int, said: str) -> None:
        line = Slice(LINE, Position(at), Position(at + 1, said), _NOTHING)
        self._ledger.declare(
            Intent(self._pipeline, self._lines_of, (line,), run.contract, self._versions, run.clock), text
        )

    def _identity(self, run: Numbered) -> Identity:
        return Identity(self._pipeline, self._source(run), run.contract, "", self._versions)

    def _source(self, run: Numbered) -> str:
        return f"{self._origin}#{run.name}"


@dataclass(frozen=True)
class RunLedger:
    """The ledger of all runs, as one of them knows it."""

    whole: Ledger
    source: str

    def intents(self) -> list[Intent]:
        """The epochs of this run, oldest first."""
        return [one for one in self.whole.intents() if one.source == self.source]

    def marks(self) -> Mapping[str, int]:
        """The marks of all runs."""
        return self.whole.marks()

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an epoch.

        Raises:
            Fenced: when somebody else declared in between.
        """
        self.whole.declare(intent, contract_text)

    def contract_text(self, digest: str) -> str:
        """The text of a contract; KeyError when unknown."""
        return self.whole.contract_text(digest)


def _begins(line: Intent) -> bool:
    return line.slices[0].start.offset % 2 == 0


def _from_line(line: Intent) -> Numbered:
    said = json.loads(line.slices[0].end.cursor)
    upto = {int(part): end for part, end in said["upto"].items()}
    selection = Selection.from_json(said["selection"])
    return Numbered(said["kind"], said["number"], selection, upto, line.contract, line.clock)


def ends(marks: Sequence[Mapping[str, int]], pipeline: str, origin: str) -> dict[int, int]:
    """By partition of the origin the offset below which all of these sinks hold everything."""
    name = mark_name(pipeline, origin, 0).removesuffix("0")
    partitions = {
        int(mark[len(name) :]) for one in marks for mark in one if re.fullmatch(re.escape(name) + r"\d+", mark)
    }
    return {partition: min(one.get(f"{name}{partition}", 0) for one in marks) for partition in sorted(partitions)}
