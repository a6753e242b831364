"""Counts Parquet files by DuckDB alone, which reads only what the contract reads, and that with several threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from stillwell.contract.model import Contract, Field, Path
from stillwell.contract.rules import rule_list
from stillwell.kernel.census import PLACE, Groups, census
from stillwell.kernel.counts import Counts, Judgement, examples
from stillwell.kernel.decode import OK, Located
from stillwell.kernel.flags import Flags
from stillwell.kernel.native import Native, native
from stillwell.kernel.program import OF_BYTES
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.scan import PLACE as ROW
from stillwell.kernel.scan import Scan
from stillwell.kernel.sql import NOW, Levels, name, own


class Scanning:
    """Counts by a database of its own: that of a kernel has one thread for each of its workers."""

    def __init__(self, contract: Contract, threads: int, config: Mapping[str, Any], hash_key: bytes | None) -> None:
        self._contract = contract
        self._rules = tuple(rule for rule in rule_list(contract) if rule.name not in OF_BYTES)
        self._database = duckdb.connect(":memory:", config={"threads": threads, **config})
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._hash_key = hash_key

    def count(self, scan: Scan, clock: dt.datetime, samples: int) -> Counts | None:
        """The counts of a file, or None where DuckDB cannot read it as the contract wants it."""
        fields = [field for field in self._contract.fields if field.value is None]
        natives = {field.name: _of_column(field, scan.record) for field in fields}
        try:
            # Texts and nested values are not worth a look, and hardly ever does a column hold what is no value.
            found = {name: one for name, one in natives.items() if one}
            tops = dict.fromkeys(str(field.paths[0].steps[0]) for field in fields if field.name in found)
            if len(found) < len(fields) or not scan.same(self._database, tops):
                return None
            source = self._source(scan, fields, clock)
            doubts = [one.bad for one in found.values() if one.bad]
            hoped = {name: one.hoped() for name, one in found.items()}
            return self._counted(hoped, source, samples, doubts) or self._counted(found, source, samples, ())
        except duckdb.Error:
            # What DuckDB cannot read, Arrow may; and if not, then that is where it is said.
            return None

    def close(self) -> None:
        """Give the memory back."""
        self._database.close()

    def _source(self, scan: Scan, fields: Sequence[Field], clock: dt.datetime) -> str:
        """The columns of the file under names that no field of a contract can have."""
        found = ((field, native(field, scan.record, "source")) for field in fields)
        columns = [f"{one.column.removeprefix('source.')} AS {_column(field)}" for field, one in found if one]
        micros = (clock - _EPOCH) // dt.timedelta(microseconds=1)
        columns += [f"{ROW} AS {PLACE}", f"make_timestamptz({micros}) AS {name(NOW)}"]
        return f"SELECT {', '.join(columns)} FROM {scan.relation}"

    def _counted(
        self, natives: Mapping[str, Native], source: str, samples: int, doubts: Sequence[str]
    ) -> Counts | None:
        """The counts, or None where a doubt was justified, or the contract asks for more than can be counted so."""
        read = partial(_looked_up, natives)
        asked = census(self._contract, self._rules, _Columns(), read, samples, present=True, doubts=doubts)
        if asked is None:
            return None
        # By a cursor: a relation would be planned twice, which takes as long as counting 40,000 rows.
        found = self._database.cursor().execute(_over(source, asked.sql)).fetchnumpy()
        groups = Groups.of(pa.table(found), asked)
        if groups.doubtful:
            return None
        judgement = Judgement(self._rules, groups.flags, groups.counts)
        counts = judgement.counts(0, groups.not_evaluated)
        wanted, mended = judgement.wanted(partial(groups.first_of, samples=samples))
        shown = sorted({place for places in (wanted, mended) for some in places.values() for place in some})
        if not shown:
            return counts
        some = f"{source} WHERE {ROW} IN ({', '.join(map(str, shown))})"
        result = self._database.sql(_over(some, asked.explained)).to_arrow_table()
        explainer = Explainer(self._contract, self._rules, asked.verdicts, self._hash_key)
        flags = Flags.of(result, asked.verdicts)
        return replace(
            counts,
            samples=examples(explainer.reasons(result, flags, _no_payload), shown, wanted),
            repairs=examples(explainer.repairs(result, flags), shown, mended),
        )


def _over(source: str, sql: str) -> str:
    return f"WITH source AS NOT MATERIALIZED ({source}) {sql}"


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _column(field: Field) -> str:
    return own("in_" + field.name)


def _of_column(field: Field, record: pa.StructType) -> Native | None:
    """As `native`, from a column of the source."""
    found = native(field, record)
    return found and found.moved(_column(field))


def _looked_up(natives: Mapping[str, Native], field: Field) -> Native | None:
    return natives.get(field.name)


def _no_payload(at: pa.Array) -> pa.Array:
    return pa.nulls(len(at), pa.string())


class _Columns:
    """The decoder of rows that are columns: each is there."""

    def prepare(self, levels: Levels) -> None:
        levels.add(0, OK, "true")

    def locate(self, path: Path) -> Located | None:  # noqa: ARG002
        return None

    def others(self) -> str:
        return "NULL"
