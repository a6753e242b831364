"""Small pieces of DuckDB SQL: quoting, our own column names, and levels of nested selects."""

from __future__ import annotations

import re
from collections.abc import Iterable

OWN = "_stillwell_"
NOW = OWN + "now"
"""The column that `now` in a contract means: the record's ingest time."""


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def own(suffix: str) -> str:
    """A quoted column name of ours; contracts may not use the prefix."""
    return name(OWN + suffix)


def text(value: str) -> str:
    """A string literal; NUL is spelled out, because SQL text cannot hold it."""
    quoted = "'" + value.replace("'", "''") + "'"
    return quoted if "\0" not in value else "(" + quoted.replace("\0", "' || chr(0) || '") + ")"


def texts(values: Iterable[str]) -> str:
    """A parenthesised list of string literals, for IN."""
    return "(" + ", ".join(text(value) for value in values) + ")"


def every(conditions: Iterable[str]) -> str:
    """The conjunction of conditions; true when there is none."""
    return " AND ".join(f"({condition})" for condition in conditions) or "true"


class Levels:
    """Nested selects: each level adds columns that later levels may read, so that nothing is computed twice."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._levels: list[dict[str, str]] = []

    @property
    def depth(self) -> int:
        """How many levels there are: the index of the next one."""
        return len(self._levels)

    def add(self, level: int, column: str, expression: str) -> str:
        """Let `column` (quoted) be `expression` from `level` (from 0) on; gives the column back."""
        while len(self._levels) <= level:
            self._levels.append({})
        self._levels[level][column] = expression
        return column

    def select(self, columns: Iterable[str]) -> str:
        """The whole query, with these expressions as its result; each level hands on only what is still needed."""
        result = list(columns)
        needed = _identifiers(result)
        handed: list[tuple[set[str], dict[str, str]]] = []
        for level in reversed(self._levels):
            added = {column: expression for column, expression in level.items() if column in needed}
            needed -= added.keys()
            handed.append((set(needed), added))
            needed |= _identifiers(added.values())
        inner = self._source
        for kept, added in reversed(handed):
            if added:
                parts = [*sorted(kept), *(f"{expression} AS {column}" for column, expression in added.items())]
                inner = f"(SELECT {', '.join(parts)} FROM {inner})"
        return f"SELECT {', '.join(result)} FROM {inner}"


_TOKEN = re.compile("'(?:[^']|'')*'|(?:[.]|AS )?\"(?:[^\"]|\"\")+\"(?: :=)?")


def _identifiers(expressions: Iterable[str]) -> set[str]:
    """The quoted columns that expressions read: not what stands in a text, names a member, or is the name given."""
    found = (token for expression in expressions for token in _TOKEN.findall(expression))
    return {token for token in found if token.startswith('"') and not token.endswith(":=")}
