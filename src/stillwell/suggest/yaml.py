"""Texts as YAML scalars: bare where that is safe, else in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stillwell.contract.write import quoted

_BARE = re.compile(r"[A-Za-z0-9_.+][A-Za-z0-9_.+ /%°µ-]*(?<! )")
_NULLS = {"null", "~", "none"}


def scalar(text: str) -> str:
    """A text as one scalar on one line."""
    if _BARE.fullmatch(text) and text.lower() not in _NULLS:
        return text
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else quoted(text)


def inline(texts: Iterable[str]) -> str:
    """A list on one line."""
    return "[" + ", ".join(scalar(text) for text in texts) + "]"


def listed(texts: Iterable[str], indent: str, width: int = 110) -> str:
    """A list: on one line where it fits, else on as many as it takes, indented."""
    items = [scalar(text) for text in texts]
    if len(line := "[" + ", ".join(items) + "]") <= width - len(indent):
        return line
    lines, current = ["["], indent + " "
    for item in items:
        if len(current) + len(item) + 2 > width and current.strip():
            lines.append(current)
            current = indent + " "
        current += f" {item},"
    return "\n".join([*lines, current, f"{indent}]"])
