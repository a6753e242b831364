"""A column as distinct texts, how often each stands there, and which of them mean that there is no value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.suggest.names import located

Mask: TypeAlias = npt.NDArray[np.bool_]

SAMPLE = 100_000
"""Rows that are looked at; of a longer table so many are drawn, always the same."""

MISSING = frozenset(
    [
        "n/a",
        "na",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "(null)",
        "{null}",
        "<null>",
        "-",
        "--",
        "?",
        "empty",
        "missing",
        "unknown",
        "undefined",
        "not_available",
    ]
)
"""What people and programs write for no value; compared in lower case. The empty text always is one."""

_CODES = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class Sample:
    """The rows that are looked at: `table` holds them, `places` says which rows of the data they are, of `rows`."""

    table: pa.Table
    places: npt.NDArray[np.int64]
    rows: int

    @property
    def told(self) -> str:
        """How many rows were looked at, for people."""
        whole = f"{self.rows:,} rows"
        return whole if len(self.places) == self.rows else f"{len(self.places):,} of {whole}, drawn at random"


def sample(table: pa.Table, always: Collection[int] = ()) -> Sample:
    """The whole table, or rows drawn from it; rows in `always` are among them."""
    rows = len(table)
    if rows <= 2 * SAMPLE:
        return Sample(table, np.arange(rows), rows)
    drawn = np.random.default_rng(0).choice(rows, SAMPLE, replace=False)
    places = np.unique(np.concatenate([drawn, np.fromiter(always, np.int64, len(always))]))
    return Sample(table.take(pa.array(places)), places, rows)


@dataclass(frozen=True)
class Column:
    """One column of a sample.

    `values` are the distinct texts that are values, the most frequent first, and `counts` how often each occurs;
    `codes` has for each row the place of its value, or -1 where there is none. `tokens` are the texts that mean no
    value, with their counts; `path` is where the column lies in a record.
    """

    name: str
    field: str
    kind: pa.DataType
    values: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    tokens: Mapping[str, int]
    path: str = ""

    @property
    def rows(self) -> int:
        return len(self.codes)

    @cached_property
    def present(self) -> int:
        """How many rows have a value."""
        return int(self.counts.sum())

    @property
    def absent(self) -> Mask:
        return self.codes < 0

    @property
    def typed(self) -> bool:
        """Whether the source gave a type, so that nothing is to be parsed."""
        return not (pa.types.is_string(self.kind) or pa.types.is_large_string(self.kind))

    @property
    def opaque(self) -> bool:
        """Whether the values were not looked into: bytes, and what holds other values."""
        return _is_opaque(self.kind)

    def on_rows(self, values: npt.ArrayLike) -> Mask:
        """What is said of the distinct values, said of the rows; false where there is no value."""
        return np.append(np.asarray(values, bool), False)[self.codes]

    def share(self, values: npt.ArrayLike) -> float:
        """The share of the rows with a value for which this is true."""
        return float(self.counts[np.asarray(values, bool)].sum()) / max(1, self.present)

    def examples(self, values: npt.ArrayLike, most: int = 3) -> str:
        """A few of the values for which this is true, for people."""
        places = np.flatnonzero(np.asarray(values, bool))[:most]
        return ", ".join(shown(self.values[place]) for place in places)


def shown(value: str) -> str:
    """A value within a sentence: short, on one line, nothing that a comment cannot hold."""
    plain = "".join(char if char.isprintable() else "�" for char in value)
    return f"`{plain if len(plain) <= 40 else plain[:39] + '…'}`"


def _is_opaque(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def counted(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {what}" + ("s" if number != 1 else "")


def column(name: str, field_name: str, array: pa.ChunkedArray, never: Collection[str] = ()) -> Column:
    """The column of an array; texts in `never` are taken as values, whatever they look like."""
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if _is_opaque(kind):
        codes = np.where(array.is_valid().to_numpy(), 0, -1)
        present = int((codes == 0).sum())
        return Column(name, field_name, kind, ("…",) * (present > 0), np.array([present] * (present > 0)), codes, {})
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("us", kind.tz))
    texts = array.cast(pa.string()).combine_chunks()
    texts = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts
    encoded = texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(encoded.dictionary))
    return _ordered(name, field_name, kind, encoded.dictionary.to_pylist(), counts, codes, never)


def _ordered(
    name: str,
    field_name: str,
    kind: pa.DataType,
    values: Sequence[str],
    counts: npt.NDArray[np.int64],
    codes: npt.NDArray[np.int64],
    never: Collection[str],
) -> Column:
    """The column with its values by frequency (then by text), and without the tokens for no value."""
    tokens = set() if pa.types.is_floating(kind) else set(_tokens(values, counts)) - set(never)
    order = sorted((-int(count), value, place) for place, (value, count) in enumerate(zip(values, counts, strict=True)))
    kept = [(value, -count, place) for count, value, place in order if value not in tokens]
    place_of = np.full(len(values) + 1, -1, np.int64)
    place_of[[place for _, _, place in kept]] = np.arange(len(kept))
    return Column(
        name,
        field_name,
        kind,
        tuple(value for value, _, _ in kept),
        np.array([count for _, count, _ in kept], np.int64),
        place_of[codes],
        {value: -count for count, value, _ in order if value in tokens},
    )


def without(column: Column, absent: Mask) -> Column:
    """The column when some of its distinct values mean no value."""
    place_of = np.append(np.where(absent, -1, np.cumsum(~absent) - 1), -1)
    return replace(
        column,
        values=tuple(value for value, gone in zip(column.values, absent, strict=True) if not gone),
        counts=column.counts[~absent],
        codes=place_of[column.codes],
        tokens={**column.tokens, **{column.values[at]: int(column.counts[at]) for at in np.flatnonzero(absent)}},
    )


def _tokens(values: Sequence[str], counts: npt.NDArray[np.int64]) -> Iterable[str]:
    """The texts that mean no value: the empty one, and those people write for it unless they may be codes."""
    codes = [bool(_CODES.fullmatch(value)) for value in values]
    two_letters = counts[codes].sum() > counts.sum() / 2
    for value in values:
        bare = value.strip()
        if not bare or (bare.lower() in MISSING and not (two_letters and _CODES.fullmatch(bare))):
            yield value


def columns(table: pa.Table, fields: Sequence[str], never: Mapping[str, Collection[str]]) -> list[Column]:
    """All columns of a table, under the names of their fields; `never` as in `column`, by column."""
    found = []
    for place, (name, field_name) in enumerate(zip(table.column_names, fields, strict=True)):
        one = column(name, field_name, table.column(place), never.get(name, ()))
        found.append(replace(one, path=located(table.schema.field(place))))
    return found
