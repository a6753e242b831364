"""Where a field's raw value lies in each format: JSON, delimited text, and records that are typed already.

The full way asks a decoder to `locate` a path: SQL, of JSON text where the format has structure, else of plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from stillwell.contract.model import Contract, Field, Path
from stillwell.errors import ContractError, StillwellError, Where, fail
from stillwell.kernel.sql import Levels, name, own, text

TEXT = own("text")
RECORD = own("record")
OK = own("ok")
"""True for a record whose payload could be read at all."""

ENVELOPE = {"key", "topic", "partition", "offset", "ingest_time"}
"""The parts of the envelope that a field can be read from."""


@dataclass(frozen=True)
class Located:
    """SQL of a raw value: `json` is its JSON text (`null` included), `text` its plain text; one of them is set.

    `number` says that a plain text comes from a column of numbers, `native` that it stands for what was typed already.

    NULL means absent; delimited text and typed records know no difference between absent and null.
    """

    json: str | None = None
    text: str | None = None
    number: bool = False
    native: bool = False

    @property
    def raw(self) -> str:
        """Whichever of the two there is: what a reason shows as seen."""
        return self.json or self.text or "NULL"

    def is_number(self, raw: str) -> str:
        """SQL that is true where the value (in the column `raw`) is a number already, no text that may be one."""
        return f"NOT starts_with({raw}, '\"')" if self.json else str(self.number).lower()


class Decoder(Protocol):
    """One format, for one contract and (delimited, typed) one list of source columns."""

    def prepare(self, levels: Levels) -> None:
        """Add the levels (0 and 1) that all fields share; they must define `OK`."""
        ...

    def locate(self, path: Path) -> Located | None:
        """The raw value at a path, or None where the source has no such column."""
        ...

    def others(self) -> str:
        """SQL of a JSON object (NULL when empty) of what the contract does not declare."""
        ...


def pointer(steps: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def declared_paths(contract: Contract) -> list[Path]:
    """Every payload path of the contract's fields, each once."""
    paths = [path for field in contract.fields for path in field.paths if path.envelope is None]
    return list(dict.fromkeys(paths))


def locate(field: Field, decoder: Decoder) -> Located:
    """The raw value of a field: that of its first path which is present."""
    found = [one for path in field.paths if (one := _at(field, path, decoder)) is not None]
    if not found:
        return Located(text="CAST(NULL AS VARCHAR)")
    if len(found) == 1:
        return found[0]
    if all(one.json for one in found):
        return Located(json=f"coalesce({', '.join(one.raw for one in found)})")
    as_text = (f"json_extract_string({one.json}, '$')" if one.json else one.raw for one in found)
    number, native = (all(getattr(one, said) for one in found) for said in ("number", "native"))
    return Located(text=f"coalesce({', '.join(as_text)})", number=number, native=native)


def _at(field: Field, path: Path, decoder: Decoder) -> Located | None:
    if path.envelope is None:
        return decoder.locate(path)
    if path.envelope not in ENVELOPE:
        raise fail(
            ContractError,
            "not-supported",
            f"Reading `${path.envelope}` is not built yet.",
            "Read from: " + ", ".join("$" + part for part in sorted(ENVELOPE)) + ", or from the payload.",
            where=Where(line=field.line),
            path=f"fields.{field.name}.from",
        )
    column = own("now") if path.envelope == "ingest_time" else own(path.envelope)
    # Of a payload that cannot be read no field is judged, wherever it comes from.
    return Located(
        text=f"CASE WHEN {OK} THEN CAST({column} AS VARCHAR) END", native=path.envelope not in ("key", "topic")
    )


class Json:
    """A JSON object a record."""

    def __init__(self, contract: Contract) -> None:
        self._strict = contract.parsing == "strict"
        self._paths = declared_paths(contract)
        self._index = {path: position for position, path in enumerate(self._paths, start=1)}

    def prepare(self, levels: Levels) -> None:
        """Guard first, then take out every path in one call: an error inside would fail the whole batch."""
        # What is valid and begins with a brace is an object.
        opened = f"starts_with(ltrim({TEXT}, ' ' || chr(9) || chr(10) || chr(13)), '{{')"
        valid = strict_json(TEXT) if self._strict else f"json_valid({TEXT})"
        levels.add(0, OK, f"coalesce(CASE WHEN starts_with({TEXT}, '{{') OR {opened} THEN {valid} END, false)")
        pointers = ", ".join(text(pointer(path.steps)) for path in self._paths)
        values = f"json_extract({TEXT}, [{pointers}])" if pointers else "NULL"
        levels.add(1, own("values"), f"CASE WHEN {OK} THEN {values} END")

    def locate(self, path: Path) -> Located:
        return Located(json=f"CAST({own('values')}[{self._index[path]}] AS VARCHAR)")

    def others(self) -> str:
        known = {str(path.steps[0]) for path in self._paths if path.steps}
        list_known = "[" + ", ".join(text(key) for key in sorted(known)) + "]::VARCHAR[]"
        keys = f"list_filter(json_keys({TEXT}), lambda k: NOT list_contains({list_known}, k))"
        pointer_of = "'/' || replace(replace(k, '~', '~0'), '/', '~1')"
        pairs = f"list_transform({keys}, lambda k: to_json(k) || ':' || json_extract({TEXT}, {pointer_of}))"
        return f"CASE WHEN {OK} AND len({keys}) > 0 THEN '{{' || array_to_string({pairs}, ',') || '}}' END"


def strict_json(document: str) -> str:
    """SQL that is true where what DuckDB reads as JSON is JSON by RFC 8259, and no key comes twice at the top."""
    once = f"len(list_distinct(json_keys({document}))) = len(json_keys({document}))"
    # Outside of strings: a comma before a closing bracket, NaN or an infinity.
    bare = f"""regexp_replace({document}, '"([^"\\\\]|\\\\.)*"', '""', 'g')"""
    foreign = f"regexp_matches({bare}, ',[ \\t\\r\\n]*[]}}]|(?i)nan|inf')"
    return f"CASE WHEN json_valid({document}) THEN {once} AND NOT {foreign} ELSE false END"


def is_text(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type are texts, which are parsed."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


class Delimited:
    """One line of delimited text a record, already cut into `_stillwell_cells` by `cells`."""

    def __init__(self, contract: Contract, columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._known = {str(path.steps[0]) for path in declared_paths(contract) if path.steps}
        for path in declared_paths(contract):
            _refuse_twice(_column(path), self._columns)

    def prepare(self, levels: Levels) -> None:
        levels.add(0, OK, is_line(self._columns))

    def locate(self, path: Path) -> Located | None:
        column = _column(path)
        if column not in self._columns:
            return None
        return Located(text=f"CASE WHEN {OK} THEN nullif({own('cells')}[{self._columns.index(column) + 1}], '') END")

    def others(self) -> str:
        extra = [column for column in self._columns if column not in self._known]
        pairs = ", ".join(f"{text(one)}, {own('cells')}[{self._columns.index(one) + 1}]" for one in extra)
        return f"CASE WHEN {OK} THEN CAST(json_object({pairs}) AS VARCHAR) END" if extra else "CAST(NULL AS VARCHAR)"


def is_line(columns: Sequence[str]) -> str:
    """SQL that is true for a line of as many cells as there are columns."""
    # No bytes at all are cut into one empty cell.
    filled = f" AND {own('size')} > 0" if len(columns) == 1 else ""
    return f"coalesce(len({own('cells')}) = {len(columns)}{filled}, false)"


def _column(path: Path) -> str:
    return ".".join(str(step) for step in path.steps)


def _refuse_twice(column: str, columns: Sequence[str]) -> None:
    if columns.count(column) > 1:
        raise fail(
            StillwellError,
            "double-column",
            f"The data has {columns.count(column)} columns called `{column}`, and the contract reads one.",
            "Give each column a name of its own: in the data, or by `header` in the options of the format.",
        )


class Typed:
    """A typed record (Parquet, Delta, any Arrow table), kept as the struct `_stillwell_record`."""

    def __init__(self, contract: Contract, record: pa.StructType) -> None:
        self._record = record
        self._known = {str(path.steps[0]) for path in declared_paths(contract) if path.steps}

    def prepare(self, levels: Levels) -> None:
        levels.add(0, OK, f"{RECORD} IS NOT NULL")

    def locate(self, path: Path) -> Located | None:
        kind, value = self._record, RECORD
        for position, step in enumerate(path.steps):
            if not pa.types.is_struct(kind) or kind.get_field_index(str(step)) < 0:
                return self._inside(kind, value, path.steps[position:])
            kind, value = kind.field(str(step)).type, f"{value}.{name(str(step))}"
        if pa.types.is_nested(kind):
            return Located(json=f"CAST(to_json({value}) AS VARCHAR)")
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        return Located(text=f"CAST({value} AS VARCHAR)", number=number, native=not is_text(kind))

    @staticmethod
    def _inside(kind: pa.DataType, value: str, steps: Sequence[str | int]) -> Located | None:
        if not pa.types.is_nested(kind) or pa.types.is_struct(kind):
            return None
        return Located(json=f"CAST(json_extract(to_json({value}), {text(pointer(steps))}) AS VARCHAR)")

    def others(self) -> str:
        extra = [field.name for field in self._record if field.name not in self._known]
        pairs = ", ".join(f"{name(one)} := {RECORD}.{name(one)}" for one in extra)
        return f"CAST(to_json(struct_pack({pairs})) AS VARCHAR)" if extra else "CAST(NULL AS VARCHAR)"
