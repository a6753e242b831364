"""What an author of a verb must know: where it stands in the help, how it speaks, and how it ends.

A verb is one file of this folder (or one folder), found by its name and imported only when it runs. It has

- a first sentence of its docstring, which is its line in `stillwell --help`,
- `PLACE = ("start", 4)`: the group of the help that it belongs to and its rank there, both written out,
- `EXAMPLES`: lines of a shell, which its own help shows,
- a function of its name with parameters as typer reads them; its docstring is the help, what it returns an `Outcome`;
- or, where it consists of verbs (`lab up`, `lab down`), `VERBS`: a tuple of such functions, called by their names.

Bad configuration is raised as a `StillwellError`; it is told in one shape and ends the verb with UNKNOWN.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from stillwell.delivery.durable import refusal
from stillwell.errors import Problem

GROUPS = ("start", "contract", "operate", "change safely", "lab")
"""The groups of the help, in their order."""


class Outcome(IntEnum):
    """What the exit code says: yes, no, yes with warnings, or that it could not be told."""

    YES = 0
    NO = 1
    WARNED = 2
    UNKNOWN = 3


Json = Annotated[
    bool, typer.Option("--json", help="Write JSON only, each object with its schema; text goes to stderr.")
]
"""The parameter `json` of every verb."""

_COLOURS = {"bad": "31", "warn": "33", "good": "32", "dim": "2", "bold": "1"}


class Output:
    """What a verb says: to people on standard output; with `json` JSON goes there, and people's text to stderr."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._people = sys.stderr if json else sys.stdout
        self._coloured = (
            _is_terminal(self._people) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    @property
    def terminal(self) -> bool:
        """Whether people's text goes to a terminal, where lines can be drawn anew."""
        return _is_terminal(self._people)

    @property
    def width(self) -> int:
        """Columns of the terminal; without one, lines may be as long as they like."""
        if not _is_terminal(self._people):
            return 10_000
        with contextlib.suppress(OSError, ValueError):
            return int(os.environ.get("COLUMNS") or os.get_terminal_size(self._people.fileno()).columns)
        return 80

    def say(self, text: str = "") -> None:
        """A line for people."""
        _write(self._people, text + "\n")

    def paint(self, text: str, style: str) -> str:
        """The text in the colour of `bad`, `warn`, `good`, `dim` or `bold`, where there are colours."""
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self._coloured else text

    def emit(self, name: str, parts: dict[str, Any]) -> None:
        """An object for machines, of the schema `stillwell.NAME/1`; nothing without `json`."""
        if self.json:
            _write(sys.stdout, _dumped({"schema": f"stillwell.{name}/1", **parts}))

    def problems(self, problems: tuple[Problem, ...]) -> None:
        """Why it could not be told: to people on standard error, with `json` one object a problem."""
        for problem in problems:
            if self.json:
                _write(sys.stdout, _dumped(problem.as_dict()))
            _write(sys.stderr, self.problem(problem) + "\n")

    def problem(self, problem: Problem, level: str = "error") -> str:
        """A problem as people see it."""
        first, *rest = (shown(line) for line in str(problem).splitlines())
        head, bracket, place = first.removeprefix("error").partition("]")
        colour = "bad" if level == "error" else "warn"
        return "\n".join([self.paint(f"{level}{head}{bracket}", colour) + place, *rest])

    def progress(self, text: str) -> None:
        """How far it is, on one line of the terminal that is written over; the empty text wipes it."""
        if _is_terminal(sys.stderr):
            _write(sys.stderr, f"\r\x1b[K{text}")


def shown(text: str) -> str:
    """Text from outside as it may go to a terminal: what is not printable (or steers one) is spelled out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def silence() -> None:
    """Nobody listens to standard output any more (`| head`): what is still said goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_terminal(stream: TextIO) -> bool:
    return bool(stream.isatty())


def _dumped(plain: dict[str, Any]) -> str:
    # Where standard output cannot hold every character, JSON can still spell it.
    spelled = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return json.dumps(plain, ensure_ascii=spelled, allow_nan=False) + "\n"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        raise refusal(Path("standard output"), error) from error
