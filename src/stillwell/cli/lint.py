"""Finds everything wrong or doubtful in contracts and pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._contract import DEFAULT, is_pipeline
from stillwell.cli.base import Json, Outcome, Output
from stillwell.contract.lint import lint as find_doubts
from stillwell.contract.load import load
from stillwell.contract.rules import rule_list
from stillwell.errors import ContractError, Problem, StillwellError, fail

PLACE = ("contract", 0)
EXAMPLES = (
    "stillwell lint                        # contract.yml and pipeline.yml here",
    "stillwell lint contracts/*.yml --json",
)

_HERE = (DEFAULT, Path("pipeline.yml"))


@dataclass(frozen=True)
class Linted:
    """A file, what it holds in a few words, and what was found in it."""

    file: Path
    kind: str
    content: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Clean, doubtful, wrong, or not to be read at all."""
        if any(problem.code == "unreadable" for problem in self.problems):
            return Outcome.UNKNOWN
        return Outcome.NO if self.problems else Outcome.WARNED if self.warnings else Outcome.YES


def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Contracts and pipelines; contract.yml and pipeline.yml here."),
    ] = None,
    json: Json = False,
) -> Outcome:
    """Find everything wrong or doubtful in contracts and pipelines, each with line, column and what to do.

    Exit code 0: nothing was found, 1: something is wrong, 2: something is doubtful, 3: a file cannot be read.
    """
    chosen = files or [path for path in _HERE if path.exists()]
    if not chosen:
        what = f"No file was named, and there is neither {_HERE[0]} nor {_HERE[1]} here."
        raise fail(ContractError, "no-contract", what, "Name one: stillwell lint FILE.")
    output = Output(json=json)
    linted = [_lint(path) for path in chosen]
    for one in linted:
        _say(one, output)
    outcome = max((one.outcome for one in linted), key=(Outcome.YES, Outcome.WARNED, Outcome.NO, Outcome.UNKNOWN).index)
    output.emit("lint", {"exit": int(outcome), "files": [_plain(one) for one in linted]})
    return outcome


def _lint(path: Path) -> Linted:
    kind = "contract"
    try:
        if is_pipeline(path):
            kind = "pipeline"
            return _pipeline(path)
        contract = load(path)
    except StillwellError as error:
        return Linted(path, kind, "", error.problems)
    content = f"{contract.name} {contract.version}: {len(contract.fields)} fields, {len(rule_list(contract))} rules"
    return Linted(path, kind, content, warnings=find_doubts(contract).warnings)


def _pipeline(path: Path) -> Linted:
    from stillwell.pipeline.load import load as load_pipeline
    from stillwell.pipeline.plan import plan

    planned = plan(load_pipeline(path))
    doubts = tuple(Problem("doubt", text, "See whether that is meant.") for text in planned.warnings)
    content = f"{planned.pipeline.name}: {planned.pipeline.source.name} judged by {planned.job.contract.file}"
    return Linted(path, "pipeline", content, warnings=doubts)


def _say(one: Linted, output: Output) -> None:
    for problem in one.problems:
        output.say(output.problem(problem))
    for problem in one.warnings:
        output.say(output.problem(problem, "warning"))
    counts = ((len(one.problems), "problem"), (len(one.warnings), "warning"))
    told = ", ".join(f"{count} {what}{'s' * (count > 1)}" for count, what in counts if count) or "nothing wrong"
    mark, style = {0: ("✓", "good"), 2: ("!", "warn")}.get(one.outcome, ("✗", "bad"))
    output.say(f"{output.paint(mark, style)} {one.file}  {one.content + ', ' if one.content else ''}{told}")


def _plain(one: Linted) -> dict[str, object]:
    return {
        "file": str(one.file),
        "kind": one.kind,
        "problems": [problem.as_dict() for problem in one.problems],
        "warnings": [problem.as_dict() for problem in one.warnings],
    }
