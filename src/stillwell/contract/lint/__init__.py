"""Finds what a contract says that cannot be meant: errors, which stop it from being read, and warnings."""

from __future__ import annotations

from dataclasses import dataclass

from stillwell.contract.lint.fields import field_findings
from stillwell.contract.lint.finding import Finding
from stillwell.contract.lint.history import sequence_findings
from stillwell.contract.lint.names import name_findings
from stillwell.contract.lint.windows import window_findings
from stillwell.contract.model import Contract
from stillwell.errors import Problem


@dataclass(frozen=True)
class Lint:
    """What was found, each sorted by place."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def lint(contract: Contract) -> Lint:
    """Everything wrong or doubtful in a contract that could be read."""
    found = [
        *field_findings(contract),
        *name_findings(contract),
        *sequence_findings(contract),
        *window_findings(contract),
    ]
    return Lint(_problems(contract, found, "error"), _problems(contract, found, "warning"))


def _problems(contract: Contract, found: list[Finding], level: str) -> tuple[Problem, ...]:
    problems = (
        Problem(one.code, one.what, one.fix, contract.where(one.path), one.path) for one in found if one.level == level
    )
    return tuple(sorted(problems, key=lambda problem: problem.where))
