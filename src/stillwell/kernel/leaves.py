"""How the plain way reads raw values of each format: what is quickest, and not what is right for every record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

from stillwell.contract.model import Contract, Path
from stillwell.kernel.decode import OK, RECORD, TEXT, is_line, is_text, strict_json
from stillwell.kernel.sql import Levels, name, own, text


class Leaves(Protocol):
    """How the plain way reads a raw value of one format: as text; as JSON text or a double where quicker."""

    def prepare(self, levels: Levels) -> str:
        """Add level 0 (defining `OK`) and give a condition that every plain record fulfils."""
        ...

    def leaf(self, path: Path, kind: str) -> str | None:
        """SQL of the value at a path as VARCHAR, JSON or DOUBLE; None when the path cannot be read so."""
        ...

    def native(self, path: Path) -> bool:
        """Whether the value at a path was typed already, and is no text to be parsed."""
        ...


class JsonLeaves:
    """One call reads all leaves of a JSON object by a structure: doubles natively, other numbers as JSON text."""

    def __init__(self, contract: Contract) -> None:
        self._strict = contract.parsing == "strict"
        self._structure: dict[str, Any] = {}
        self._some_required = any(
            field.required and field.value is None and not field.has_default and field.paths[0].steps
            for field in contract.fields
        )

    def prepare(self, levels: Levels) -> str:
        structure = text(json.dumps(self._structure))
        document = f"CASE WHEN json_valid({TEXT}) THEN from_json({TEXT}, {structure}) END"
        levels.add(0, own("doc"), document)
        levels.add(0, OK, "true")
        # What is valid and begins with a brace is an object; of anything else all leaves are NULL.
        is_object = f"{own('doc')} IS NOT NULL AND starts_with({TEXT}, '{{')"
        if self._strict:
            return f"{levels.add(0, own('strict'), strict_json(TEXT))} AND {is_object}"
        return "true" if self._some_required else is_object

    def leaf(self, path: Path, kind: str) -> str | None:
        here = self._structure
        if not path.steps or any(isinstance(step, int) for step in path.steps):
            return None
        *above, last = (str(step) for step in path.steps)
        for step in above:
            inner = here.setdefault(step, {})
            if not isinstance(inner, dict) or _clashes(here, step):
                return None
            here = inner
        if here.setdefault(last, kind) != kind or _clashes(here, last):
            return None
        return ".".join([own("doc"), *(name(str(step)) for step in path.steps)])

    def native(self, path: Path) -> bool:
        return _of_envelope(path)


def _clashes(names: dict[str, Any], step: str) -> bool:
    """A struct cannot have two names that differ only by case."""
    return sum(1 for other in names if other.lower() == step.lower()) > 1


class DelimitedLeaves:
    """Cells of delimited text, cut by the decoder before."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)

    def prepare(self, levels: Levels) -> str:
        return levels.add(0, OK, is_line(self._columns))

    def leaf(self, path: Path, kind: str) -> str | None:
        column = ".".join(str(step) for step in path.steps)
        if kind == "JSON" or column not in self._columns:
            return None
        cell = f"nullif({own('cells')}[{self._columns.index(column) + 1}], '')"
        return cell if kind == "VARCHAR" else f"TRY_CAST({cell} AS DOUBLE)"

    def native(self, path: Path) -> bool:
        return _of_envelope(path)


class TypedLeaves:
    """Columns of a typed record; numbers are taken as they are."""

    def __init__(self, record: pa.StructType) -> None:
        self._record = record

    def prepare(self, levels: Levels) -> str:
        levels.add(0, OK, f"{RECORD} IS NOT NULL")
        return OK

    def leaf(self, path: Path, kind: str) -> str | None:
        here, value = self._record, RECORD
        for step in path.steps:
            if not pa.types.is_struct(here) or here.get_field_index(str(step)) < 0:
                return None
            here, value = here.field(str(step)).type, f"{value}.{name(str(step))}"
        if pa.types.is_nested(here) or kind == "JSON":
            return None
        # A single-precision number is what its digits say, 0.1 and not what a cast makes of it.
        numeric = pa.types.is_integer(here) or pa.types.is_float64(here)
        if kind == "DOUBLE":
            return f"CAST({value} AS DOUBLE)" if numeric else None
        return f"CAST({value} AS VARCHAR)"

    def native(self, path: Path) -> bool:
        here = self._record
        for step in path.steps:
            here = (
                here.field(str(step)).type
                if pa.types.is_struct(here) and here.get_field_index(str(step)) >= 0
                else pa.null()
            )
        return _of_envelope(path) or not is_text(here)


def _of_envelope(path: Path) -> bool:
    return path.envelope is not None and path.envelope not in ("key", "topic")
