"""The plain way: a cheap query that proves most records good without repair, so that only the rest goes the full way.

It never judges: a record is *plain* when every rule of the contract is proved to hold for it (or, over NULL, not to be
evaluated) and its values are exactly those that the full way would give. Whatever is not proved, goes the full way. A
property test holds the two to each other. Measured: one typed JSON call instead of extraction, text and casts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from stillwell.contract.model import Contract, Field, Limits
from stillwell.kernel.chain import cleaned
from stillwell.kernel.constraint import bad
from stillwell.kernel.decode import ENVELOPE, TEXT
from stillwell.kernel.full import given, hashes, rule_failed, rule_fields, rule_kept
from stillwell.kernel.leaves import JsonLeaves, Leaves
from stillwell.kernel.native import Native, native
from stillwell.kernel.parse import (
    LARGEST_DOUBLE,
    NAIVE,
    OFFSET,
    STRICT_INSTANT,
    common_instant,
    duckdb_type,
    in_years,
    parse,
)
from stillwell.kernel.sql import NOW, Levels, every, name, own, text

PLAIN = own("plain")

_HAS_BOOLEAN = f"(contains({TEXT}, 'true') OR contains({TEXT}, 'false'))"


@dataclass(frozen=True)
class Plain:
    """The query over the relation `batch`; one row out for each row in, in order.

    Its columns: every field under its own name, `PLAIN`, and what only a tally reads, each `_stillwell_` and a name in
    `counted`: `hash_<field>` of strings, `evaluated_<rule>` of each record rule that may be not evaluated.
    """

    sql: str
    counted: tuple[str, ...]


class _Unprovable(Exception):
    """Some part of the contract has no plain way; every record then goes the full way."""


def plain_query(contract: Contract, leaves: Leaves, record: pa.StructType | None = None) -> Plain | None:
    """Compile the plain way, or None where a contract asks for what it cannot prove.

    `record` are the columns of records that are typed already.
    """
    if contract.other_fields != "ignore":
        return None
    levels = Levels("batch")
    proofs: list[str] = []
    doubtful: list[str] = []
    try:
        read = [field for field in contract.fields if field.value is None]
        for field in read:
            found = native(field, record) if record is not None else None
            proof = _Proof(field, levels, proofs, doubtful)
            proof.take(found) if found else proof.read(leaves)
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
    counted = hashes(contract)
    for rule in contract.rules:
        if rule.where is None and always.issuperset(rule_fields(rule)):
            # Hardly ever not evaluated: then the full way may say so.
            proofs.append(rule_kept(rule))
            continue
        failed = levels.add(_RULES, own("rule_" + rule.name), rule_failed(rule))
        proofs.append(f"{failed} IS NOT TRUE")
        counted[f"evaluated_{rule.name}"] = f"{failed} IS NOT NULL"
    columns = [*(name(field.name) for field in contract.fields), *given(counted)]
    # As a condition of CASE the proofs are tried one after another on the records that are left.
    proved = f"CASE WHEN {every(proofs)} THEN true ELSE false END AS {PLAIN}"
    return Plain(levels.select([*columns, proved]), tuple(counted))


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
        if field.strict and leaves.native(field.paths[0]):
            field = self._field = replace(field, strict=False)
        if len(field.paths) > 1:
            # The first path must be there: an absent value and a null one cannot be told apart here.
            self._proofs.append(f"{self._leaf(leaves, 'VARCHAR')} IS NOT NULL")
        simple = not field.clean and not field.missing and not field.has_default
        if field.type == "double" and field.required and simple and not field.strict and self._double(leaves):
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

    def take(self, found: Native) -> None:
        """From a typed column."""
        self._levels.add(_VALUES, self._value, found.value)
        if found.bad and not self._field.required:
            raw = self._levels.add(_VALUES, own("leaf_" + self._field.name), found.column)
            self._proofs.append(f"({raw} IS NULL OR {self._value} IS NOT NULL)")
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

    def _raw(self, leaves: Leaves, *, as_json: bool) -> str:
        """The raw text of a value; as JSON text, in which no text is a number, where the kind of value matters."""
        field = self._field
        if not as_json or field.type == "string" or (field.type == "timestamp" and field.parse_formats == ("iso",)):
            return self._leaf(leaves, "VARCHAR")
        if field.type in ("timestamp", "date", "time"):
            raise _Unprovable
        return f"CAST({self._leaf(leaves, 'JSON')} AS VARCHAR)"

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
        quoted = field.strict and not field.clean and isinstance(leaves, JsonLeaves)
        raw = self._levels.add(_LEAVES, own("leaf_" + field.name), self._raw(leaves, as_json=quoted))
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
            if quoted:
                # What was written as a number or a boolean looks like one.
                self._proofs.append(
                    f"{raw} IS NULL OR (({raw} < '-' OR {raw} >= ':') AND {raw} NOT IN ('true', 'false'))"
                )
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
    shape = STRICT_INSTANT if field.strict else NAIVE + OFFSET + ("?" if field.zone == "UTC" else "")
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
