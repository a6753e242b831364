"""Whether rows fit a table that is already there, said by column, the same for every sink."""

from __future__ import annotations

import pyarrow as pa

from stillwell.errors import ConnectorError, Problem


def plain(kind: pa.DataType) -> pa.DataType:
    """The type that holds the same values, without what storage formats do not keep (dictionary, offsets, names)."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(part.name, plain(part.type)) for part in kind])
    return kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema with plain types, every column nullable, without metadata."""
    return pa.schema([pa.field(column.name, plain(column.type)) for column in schema])


def refuse_other(stored: pa.Schema, wanted: pa.Schema, place: str) -> None:
    """Refuse a table whose columns are not the wanted ones, in any order.

    Raises:
        ConnectorError: code `sink-schema`, one problem per column.
    """
    there, here = plain_schema(stored), plain_schema(wanted)
    told = [f"{place} has no column `{name}`." for name in here.names if name not in there.names]
    told += [f"{place} has a column `{name}`, the rows have not." for name in there.names if name not in here.names]
    told += [
        f"Column `{name}` of {place} is {_short(there.field(name).type)}, in the rows {_short(here.field(name).type)}."
        for name in here.names
        if name in there.names and there.field(name).type != here.field(name).type
    ]
    if told:
        fix = "Write to another place, or change this table."
        raise ConnectorError([Problem("sink-schema", what, fix) for what in told])


def refuse_types(place: str, columns: dict[str, str]) -> None:
    """Refuse columns (name and why) that a kind of storage has no type for.

    Raises:
        ConnectorError: code `sink-schema`, one problem per column.
    """
    if columns:
        raise ConnectorError(
            [
                Problem(
                    "sink-schema",
                    f"{place} cannot hold column `{name}`: {why}",
                    "Give the field another type, or use another sink.",
                    path=name,
                )
                for name, why in columns.items()
            ]
        )


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the columns and types of `schema`, in its order."""
    return rows.select(schema.names).cast(schema)


def _short(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 60 else text[:57] + "..."
