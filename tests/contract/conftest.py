"""What the tests of the contract room share: a contract in few words, and its problems as plain tuples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.errors import ContractError

HEAD = "contract: a\nversion: 1.0.0\n"

Found = tuple[str, int, int, str]


@pytest.fixture
def contract() -> Callable[[str], Contract]:
    """Parses the lines that follow `contract: a` and `version: 1.0.0`."""
    return lambda rest: parse(HEAD + rest, file="contract.yml")


@pytest.fixture
def found() -> Callable[[str], list[Found]]:
    """The problems of such a contract: code, line, column, path."""

    def find(rest: str) -> list[Found]:
        with pytest.raises(ContractError) as caught:
            parse(HEAD + rest, file="contract.yml")
        return [(one.code, one.where.line, one.where.column, one.path) for one in caught.value.problems]

    return find


@pytest.fixture
def refused() -> Callable[[str], list[tuple[str, str]]]:
    """Code and path of each problem of such a contract, which must stand exactly where the text has a `»`."""

    def find(rest: str) -> list[tuple[str, str]]:
        marked = HEAD + rest
        expected = []
        while "»" in marked:
            before, _, after = marked.partition("»")
            expected.append((before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1))
            marked = before + after
        with pytest.raises(ContractError) as caught:
            parse(marked, file="contract.yml")
        problems = caught.value.problems
        assert [(one.where.line, one.where.column) for one in problems] == expected
        return [(one.code, one.path) for one in problems]

    return find
