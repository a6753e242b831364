"""Changes what a sink holds behind its back, with the tools of each kind of storage and none of our code."""

from __future__ import annotations

import dataclasses
import json

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.delivery.stage import Stage


@dataclasses.dataclass(frozen=True)
class Change:
    """Offsets of rows to be taken out, to be there twice, and to be altered in `column` (one byte, or plus one)."""

    lose: tuple[int, ...] = ()
    double: tuple[int, ...] = ()
    alter: tuple[int, ...] = ()
    column: str = "value"


def tamper(stage: Stage, name: str, change: Change) -> None:
    """Change a sink of a stage."""
    {"delta": _delta, "parquet": _parquet, "jsonl": _jsonl, "duckdb": _duckdb}[stage.kind](stage, name, change)


def changed(rows: pa.Table, change: Change) -> pa.Table:
    """The change, made on an Arrow table."""
    offset = pc.struct_field(rows["_stillwell"].combine_chunks(), "offset")

    def at(offsets: tuple[int, ...]) -> pa.Array:
        return pc.is_in(offset, value_set=pa.array(offsets, pa.int64()))

    values = rows[change.column].to_pylist()
    altered = [
        _altered(value) if hit else value for value, hit in zip(values, at(change.alter).to_pylist(), strict=True)
    ]
    place = rows.column_names.index(change.column)
    mended = rows.set_column(place, rows.schema.field(place), pa.array(altered, rows.schema.field(place).type))
    return pa.concat_tables([mended.filter(pc.invert(at(change.lose))), mended.filter(at(change.double))])


def _altered(value: float | bytes) -> float | bytes:
    return value[:-1] + bytes([value[-1] ^ 1]) if isinstance(value, bytes) else value + 1


def _delta(stage: Stage, name: str, change: Change) -> None:
    import deltalake

    path = str(stage.folder / name)
    rows = deltalake.DeltaTable(path).to_pyarrow_table()
    deltalake.write_deltalake(path, changed(rows, change), mode="overwrite")


def _parquet(stage: Stage, name: str, change: Change) -> None:
    for path in (stage.folder / name).glob("*.parquet"):
        rows = pq.read_table(path)
        pq.write_table(changed(rows, change).replace_schema_metadata(rows.schema.metadata), path)


def _jsonl(stage: Stage, name: str, change: Change) -> None:
    path = stage.folder / f"{name}.jsonl"
    kept = []
    for line in path.read_bytes().splitlines():
        row = json.loads(line)
        offset = row["_stillwell"]["offset"]
        if offset in change.alter:
            value = row[change.column]
            row[change.column] = value[:-1] + chr(ord(value[-1]) ^ 1) if isinstance(value, str) else value + 1
        text = json.dumps(row).encode() if offset in change.alter else line
        kept += [text] * (offset not in change.lose)
        kept += [text] * (offset in change.double)
    path.write_bytes(b"".join(line + b"\n" for line in kept))


def _duckdb(stage: Stage, name: str, change: Change) -> None:
    with duckdb.connect(str(stage.folder / "store.duckdb")) as con:
        here = '"_stillwell"."offset" in (SELECT unnest(?))'
        con.execute(f"DELETE FROM {name} WHERE {here}", [list(change.lose)])
        con.execute(f"INSERT INTO {name} SELECT * FROM {name} WHERE {here}", [list(change.double)])
        new = {"value": "value + 1", "payload": "(left(payload::VARCHAR, -1) || '~')::BLOB"}[change.column]
        con.execute(f"UPDATE {name} SET {change.column} = {new} WHERE {here}", [list(change.alter)])
