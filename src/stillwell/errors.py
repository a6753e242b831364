"""Every error a user can meet, in one shape: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Where:
    """A place a person can go to: a file with line and column (from 1), or any other thing by name."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True)
class Problem:
    """One thing wrong: `code` for machines, `path` the thing named (`fields.temperature.min`), `fix` what to do."""

    code: str
    what: str
    fix: str
    where: Where = Where()
    path: str = ""

    def __str__(self) -> str:
        place = "  ".join(part for part in (str(self.where), self.path) if part)
        return f"error[{self.code}] {place}".rstrip() + f"\n  {self.what}\n  → {self.fix}"

    def as_dict(self) -> dict[str, object]:
        """The same parts as plain data, schema `stillwell.error/1`."""
        return {
            "schema": "stillwell.error/1",
            "code": self.code,
            "what": self.what,
            "fix": self.fix,
            "file": self.where.file,
            "line": self.where.line,
            "column": self.where.column,
            "path": self.path,
        }


class StillwellError(Exception):
    """A run that cannot start or go on; carries all problems found, sorted by place."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        found = [problems] if isinstance(problems, Problem) else list(problems)
        self.problems: tuple[Problem, ...] = tuple(sorted(found, key=lambda problem: problem.where))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ContractError(StillwellError):
    """A contract that cannot be understood or contradicts itself."""


class PipelineError(StillwellError):
    """A pipeline that cannot be planned: unknown parts, or parts that cannot do what is asked."""


class ConnectorError(StillwellError):
    """A source or sink that cannot be opened, read or written."""


class Forgot(ConnectorError):
    """A source that can be read and no longer has what it once gave: a file that rotated away, a version cleaned up."""


class BadOption(ValueError):
    """What a model of options raises for a value that cannot be: what is wrong, and by `fix` what would be right."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class Fenced(StillwellError):
    """Somebody else moved this slice's mark: we no longer own it and may write nothing more for it."""


def fail(
    kind: type[StillwellError], code: str, what: str, fix: str, *, where: Where = Where(), path: str = ""
) -> StillwellError:
    """The error `kind` of a single problem, to be raised by the caller."""
    return kind(Problem(code, what, fix, where, path))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known name, or else lists what is known."""
    names = sorted(known)
    close = nearest(name, names)
    return f"Did you mean `{close}`?" if close else "Known: " + ", ".join(names) + "."
