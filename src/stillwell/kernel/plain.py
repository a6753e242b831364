"""The plain way: a cheap query that proves most records good without repair, so that only the rest goes the full way.

It never judges: a record is *plain* when every rule of the contract is proved to hold for it (or, over NULL, not to be
evaluated) and its values are exactly those that the full way would give. Whatever is not proved, goes the full way. A
property test holds the two to each other. Measured: one typed JSON call instead of extraction, text and casts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from stillwell.contract.model import Contract, Field, Limits, Path
from stillwell.kernel.chain import cleaned
from stillwell.kernel.constraint import bad
from stillwell.kernel.decode import ENVELOPE, OK, RECORD, TEXT
from stillwell.kernel.full import hashes, rule_failed, rule_fields, rule_kept
from stillwell.kernel.parse import LARGEST_DOUBLE, NAIVE, OFFSET, common_instant, duckdb_type, in_years, parse
from stillwell.kernel.sql import NOW, Levels, every, name, own, text

PLAIN = own("plain")

_HAS_BOOLEAN = f"(contains({TEXT}, 'true') OR contains({TEXT}, 'false'))"


@dataclass(frozen=True)
class Plain:
    """The query over the relation `batch`; one row out for each row in, in order.

    Its columns: every field under its own name, `PLAIN`, `_stillwell_hash_<field>` for strings, and
    `_stillwell_evaluated_<rule>` for each record rule that need not be evaluated for every plain record.
    """

    sql: str


class Leaves(Protocol):
    """How the plain way reads a raw value of one format: as text; as JSON text or a double where quicker."""

    def prepare(self, levels: Levels) -> str:
        """Add level 0 (defining `OK`) and give a condition that every plain record fulfils."""
        ...

    def leaf(self, path: Path, kind: str) -> str | None:
        """SQL of the value at a path as VARCHAR, JSON or DOUBLE; None when the path cannot be read so."""
        ...


class _Unprovable(Exception):
    """Some part of the contract has no plain way; every record then goes the full way."""


def plain_query(contract: Contract, leaves: Leaves) -> Plain | None:
    """Compile the plain way, or None where a contract asks for what it cannot prove."""
    if contract.other_fields != "ignore":
        return None
    levels = Levels("batch")
    proofs: list[str] = []
    doubtful: list[str] = []
    try:
        read = [field for field in contract.fields if field.value is None]
        for field in read:
            _Proof(field, levels, proofs, doubtful).read(leaves)
        for field in contract.fields:
            if field.value is not None:
                _Proof(field, levels, proofs, doubtful).compute(field.value.sql)
    except _Unprovable:
        return None
    proofs.insert(0, leaves.prepare(levels))
    if doubtful:
        # A typed read makes 1.0 of true: where that could be, no boolean may stand anywhere in the payload.
        neither = every(f"abs({value} - 0.5) != 0.5" for value in doubtful)
        proofs.append(f"({neither}) OR NOT {_HAS_BOOLEAN}")
    always = {field.name for field in contract.fields if field.required}
    evaluated = []
    for rule in contract.rules:
        if rule.where is None and always.issuperset(rule_fields(rule)):
            # Hardly ever not evaluated: then the full way may say so.
            proofs.append(rule_kept(rule))
            continue
        failed = levels.add(_RULES, own("rule_" + rule.name), rule_failed(rule))
        proofs.append(f"{failed} IS NOT TRUE")
        evaluated.append(f"{failed} IS NOT NULL AS {own('evaluated_' + rule.name)}")
    columns = [*(name(field.name) for field in contract.fields), *hashes(contract), *evaluated]
    # As a condition of CASE the proofs are tried one after another on the records that are left.
    return Plain(levels.select([*columns, f"CASE WHEN {every(proofs)} THEN true ELSE false END AS {PLAIN}"]))


_LEAVES, _TEXTS, _VALUES, _COMPUTED, _RULES = 1, 2, 3, 4, 6
"""The levels of the query after the document: raw values, cleaned texts, typed values, computed values (two), rules."""


class _Proof:
    """One field's value, and what must hold for its record to be plain; `doubtful` doubles may have been booleans."""

    def __init__(self, field: Field, levels: Levels, proofs: list[str], doubtful: list[str]) -> None:
        self._field = field
        self._levels = levels
        self._proofs = proofs
        self._doubtful = doubtful
        self._value = name(field.name)

    def read(self, leaves: Leaves) -> None:
        field = self._field
        if field.type in ("object", "array", "json") or not field.paths:
            raise _Unprovable
        if len(field.paths) > 1:
            # The first path must be there: an absent value and a null one cannot be told apart here.
            self._proofs.append(f"{self._leaf(leaves, 'VARCHAR')} IS NOT NULL")
        simple = not field.clean and not field.missing and not field.has_default
        if field.type == "double" and field.required and simple and self._double(leaves):
            pass
        elif field.type == "double" and simple and self._from_json(leaves, "TRY_CAST({0} AS DOUBLE)"):
            self._finite()
        elif field.type == "integer" and simple and self._from_json(leaves, "TRY_CAST({0} AS BIGINT)"):
            raw = own("leaf_" + field.name)
            # A cast rounds 1.5: only the number written back the same was an integer.
            self._proofs.append(f"({raw} IS NULL OR CAST({self._value} AS VARCHAR) = {raw})")
        else:
            self._from_text(leaves, iso=simple and field.type == "timestamp" and field.parse_formats == ("iso",))
        self._constrain()

    def compute(self, expression: str) -> None:
        field = self._field
        if field.type in ("object", "array", "json"):
            raise _Unprovable
        raw = self._levels.add(_COMPUTED, own("computed_" + field.name), f"TRY({expression})")
        cast = f"TRY_CAST({raw} AS {duckdb_type(field)})"
        self._levels.add(_COMPUTED + 1, self._value, cast)
        self._proofs.append(f"({raw} IS NULL OR {self._value} IS NOT NULL)")
        self._constrain()

    def _leaf(self, leaves: Leaves, kind: str) -> str:
        path = self._field.paths[0]
        if path.envelope is not None:
            if path.envelope not in ENVELOPE:
                raise _Unprovable
            return f"CAST({own('now') if path.envelope == 'ingest_time' else own(path.envelope)} AS VARCHAR)"
        found = leaves.leaf(path, kind)
        if found is None:
            raise _Unprovable
        return found

    def _double(self, leaves: Leaves) -> bool:
        field = self._field
        try:
            self._levels.add(_VALUES, self._value, self._leaf(leaves, "DOUBLE"))
        except _Unprovable:
            return False
        if isinstance(leaves, JsonLeaves) and not _excludes_booleans(field.constraints.limits):
            self._doubtful.append(self._value)
        self._finite()
        return True

    def _finite(self) -> None:
        limits = self._field.constraints.limits
        if (limits.min, limits.above) == (None, None) or (limits.max, limits.below) == (None, None):
            self._proofs.append(
                f"({self._value} IS NULL OR {self._value} BETWEEN -{LARGEST_DOUBLE} AND {LARGEST_DOUBLE})"
            )

    def _from_json(self, leaves: Leaves, cast: str) -> bool:
        if self._field.paths[0].envelope is not None:
            return False
        leaf = leaves.leaf(self._field.paths[0], "JSON")
        if leaf is None:
            return False
        # As text: a cast from JSON itself would make 1 of `true`.
        raw = self._levels.add(_LEAVES, own("leaf_" + self._field.name), f"CAST({leaf} AS VARCHAR)")
        self._levels.add(_VALUES, self._value, cast.format(raw))
        self._proofs.append(f"({raw} IS NULL OR {self._value} IS NOT NULL)")
        return True

    def _from_text(self, leaves: Leaves, *, iso: bool) -> None:
        field = self._field
        raw = self._levels.add(_LEAVES, own("leaf_" + field.name), self._leaf(leaves, "VARCHAR"))
        if field.has_default:
            self._proofs.append(f"{raw} IS NOT NULL")
        if any(step.kind == "decimal_comma" for step in field.clean):
            # Only a comma shows that this was written as a text.
            self._proofs.append(f"({raw} IS NULL OR contains({raw}, ','))")
        value = self._levels.add(_TEXTS, own("text_" + field.name), cleaned(field, raw))
        if iso:
            self._levels.add(_VALUES, self._value, f"TRY_CAST({value} AS TIMESTAMPTZ)")
            self._proofs.append(f"{value} IS NULL OR {_iso(field, value, self._value)}")
        else:
            self._levels.add(_VALUES, self._value, parse(field, value))
        if field.type == "string" and not _starts_plainly(field.constraints.pattern):
            structure = f"starts_with({raw}, '{{') OR starts_with({raw}, '[')"
            # A number with an exponent is written in another way here than there.
            number = f"{raw} < ':' AND contains({raw}, 'e')"
            self._proofs.append(f"({raw} IS NULL OR NOT ({structure} OR {number}))")
        elif field.type != "string" and not field.required:
            self._proofs.append(f"({value} IS NULL OR {self._value} IS NOT NULL)")

    def _constrain(self) -> None:
        field = self._field
        if field.required:
            self._proofs.insert(0, f"{self._value} IS NOT NULL")
        for _, _, constraints in field.levels():
            for _, condition in bad(field, constraints, self._value, name(NOW)):
                good = f"NOT ({condition})" if field.required else f"({condition}) IS NOT TRUE"
                self._proofs.append(good)


def _iso(field: Field, value: str, moment: str) -> str:
    """That a text which casts to a timestamp is one by our grammar too."""
    shape = NAIVE + OFFSET + ("?" if field.zone == "UTC" else "")
    whole = f"({in_years(moment)} AND regexp_full_match({value}, {text(shape)}))"
    return f"{common_instant(value, moment)} OR {whole}"


def _excludes_booleans(limits: Limits) -> bool:
    """Whether 0 and 1 are both out of range."""
    low = max((float(side) for side in (limits.min, limits.above) if isinstance(side, int | float)), default=0.0)
    high = min((float(side) for side in (limits.max, limits.below) if isinstance(side, int | float)), default=1.0)
    return low > 1 or high < 0


def _starts_plainly(pattern: str | None) -> bool:
    """Whether everything that matches begins with a letter, and so cannot be the text of a structure or a number."""
    return (
        pattern is not None
        and pattern[:1].isalpha()
        and pattern.isascii()
        and "|" not in pattern
        and pattern[1:2] not in ("?", "*", "{")
    )


class JsonLeaves:
    """One call reads all leaves of a JSON object by a structure: doubles natively, other numbers as JSON text."""

    def __init__(self, contract: Contract) -> None:
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
        return "true" if self._some_required else f"{own('doc')} IS NOT NULL AND starts_with({TEXT}, '{{')"

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


def _clashes(names: dict[str, Any], step: str) -> bool:
    """A struct cannot have two names that differ only by case."""
    return sum(1 for other in names if other.lower() == step.lower()) > 1


class DelimitedLeaves:
    """Cells of delimited text, cut by the decoder before."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)

    def prepare(self, levels: Levels) -> str:
        levels.add(0, OK, f"coalesce(len({own('cells')}) = {len(self._columns)}, false)")
        return OK

    def leaf(self, path: Path, kind: str) -> str | None:
        column = ".".join(str(step) for step in path.steps)
        if kind == "JSON" or column not in self._columns:
            return None
        cell = f"nullif({own('cells')}[{self._columns.index(column) + 1}], '')"
        return cell if kind == "VARCHAR" else f"TRY_CAST({cell} AS DOUBLE)"


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
