"""Pieces of the expressions that suggested rules are made of."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot

_WORDS = {word.lower() for word in sqlglot.Dialect.get_or_raise("duckdb").tokenizer_class.KEYWORDS} | {"now"}


def name(field: str) -> str:
    """A field's name in an expression: in quotes where it is a word of SQL too."""
    return f'"{field}"' if field.lower() in _WORDS else field


def text(value: str) -> str:
    """A text as a literal."""
    return "'" + value.replace("'", "''") + "'"


def one_of(field: str, literals: Iterable[str]) -> str:
    """True where a field is one of the literals."""
    several = list(literals)
    return f"{name(field)} = {several[0]}" if len(several) == 1 else f"{name(field)} in ({', '.join(several)})"
