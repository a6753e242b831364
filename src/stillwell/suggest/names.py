"""Names for fields and rules that a contract accepts, as near as possible to what the data calls its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

FROM = b"stillwell.from"
"""In the metadata of a column: the path of a value that lies deeper in the record than its name can say."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def field_names(columns: Sequence[str]) -> list[str]:
    """A name for each column: its own where that is one, else letters, digits and `_`; unique whatever the case."""
    taken: set[str] = set()
    names = []
    for column in columns:
        bare = column if _NAME.fullmatch(column) else re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")
        if not bare or bare[0].isdigit():
            bare = "f_" + bare
        if bare.lower().startswith("_stillwell"):
            bare = bare.lstrip("_")
        names.append(free(bare, taken))
    return names


def free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken whatever the case; it is taken from now on."""
    found, number = name, 2
    while found.lower() in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found.lower())
    return found


def path(column: str) -> str:
    """The path of a column in a record: what means something in paths is spelt with a backslash."""
    escaped = re.sub(r"[\\.\[\]]", r"\\\g<0>", column)
    return "\\" + escaped if escaped.startswith("$") else escaped


def located(column: pa.Field) -> str:
    """The path of a column: what its metadata says under `FROM`, or else that of a column of its name."""
    told = (column.metadata or {}).get(FROM)
    return told.decode() if told else path(column.name)


def contract_name(name: str) -> str:
    """A text as the name of a contract: small letters, digits and `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"
