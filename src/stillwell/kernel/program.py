"""A program: one contract compiled for one shape of input, ready to be run on batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from stillwell.contract.model import Contract, Field, SequenceRule
from stillwell.contract.rules import Rule, rule_list
from stillwell.errors import ContractError, Problem, Where
from stillwell.kernel.base import ACCEPTED_TRACE, QUARANTINE_TRACE, REASON, Format
from stillwell.kernel.checks import Checks, checks
from stillwell.kernel.decode import Decoder, Delimited, Json, Typed
from stillwell.kernel.full import Full, full_query
from stillwell.kernel.leaves import DelimitedLeaves, JsonLeaves, Leaves, TypedLeaves
from stillwell.kernel.plain import Plain, plain_query
from stillwell.kernel.reader import Reader, reader
from stillwell.kernel.sequence.rules import OF

TRACE_COLUMN = "_stillwell"


@dataclass(frozen=True)
class Program:
    """The two ways as SQL, and the schema of the accepted rows.

    Where a compiled `reader` serves, `read` is the plain way over the columns that it reads. `checks` say of typed
    columns, or of those read, all that the contract asks for, where it asks for no more than they can say.
    """

    contract: Contract
    rules: tuple[Rule, ...]
    plain: Plain | None
    full: Full
    accepted: pa.Schema
    reader: Reader | None = None
    read: Plain | None = None
    checks: Checks | None = None

    @property
    def counted(self) -> tuple[str, ...]:
        """The names of the plain way's columns that only a tally reads."""
        plain = self.plain or self.read
        return plain.counted if plain else ()

    def named(self, *severities: str) -> list[str]:
        """The rules of these severities."""
        return [rule.name for rule in self.rules if rule.severity in severities]


def compile_program(
    contract: Contract, form: Format, columns: tuple[str, ...] = (), record: pa.StructType | None = None
) -> Program:
    """Compile for JSON, for delimited text with these columns, or for typed records of this struct.

    Raises:
        ContractError: code `not-supported`, all at once, for what the kernel cannot judge yet.
    """
    problems = unsupported(contract)
    if problems:
        raise ContractError(problems)
    decoder: Decoder
    leaves: Leaves
    if record is not None:
        decoder, leaves = Typed(contract, record), TypedLeaves(record)
    elif form.name == "csv":
        decoder, leaves = Delimited(contract, columns), DelimitedLeaves(columns)
    else:
        decoder, leaves = Json(contract), JsonLeaves(contract)
    shape = f"{len(columns)} columns: {', '.join(columns)}" if form.name == "csv" else _OBJECT[contract.parsing]
    rules = tuple(
        replace(rule, expected=shape) if rule.name == "payload.format" else rule
        for rule in rule_list(contract)
        if record is None or rule.name not in OF_BYTES
    )
    full, plain = full_query(contract, decoder, rules, record), plain_query(contract, leaves, record)
    made = reader(contract) if record is None and form.name == "json" else None
    read = plain_query(contract, TypedLeaves(made.type), made.type) if made else None
    kind = record if record is not None else made.type if made else None
    checked = checks(contract, kind) if kind is not None else None
    return Program(contract, rules, plain, full, accepted_schema(contract), made if read else None, read, checked)


_OBJECT = {"lenient": "a JSON object", "strict": "a JSON object (RFC 8259), no key twice"}
OF_BYTES = {"payload.encoding", "payload.format"}


def _kept(rule: SequenceRule) -> bool:
    return rule.kind in OF and "repair" not in rule.options


def unsupported(contract: Contract) -> list[Problem]:
    """Everything in the contract that is understood but not built yet, so that it is refused and never ignored."""
    parts = [
        *(
            (f"sequence.{one.name}", f"The sequence rule `{one.name}`", one.line)
            for one in contract.sequence
            if not _kept(one)
        ),
        *((f"lookups.{lookup.name}", f"The lookup `{lookup.name}`", lookup.line) for lookup in contract.lookups),
    ]
    for field in contract.fields:
        for kind, fix in field.repair.items():
            if fix.kind in ("fill", "cap"):
                parts.append((f"fields.{field.name}.repair.{kind}", f"The repair `{fix.kind}`", fix.line or field.line))
    return [
        Problem(
            "not-supported",
            f"{what} cannot be judged yet.",
            "Leave it out for now.",
            Where(contract.file, line, 1),
            path,
        )
        for path, what, line in parts
    ]


def accepted_schema(contract: Contract) -> pa.Schema:
    """The columns of accepted rows: the fields, `other_fields` where they are kept, and `_stillwell`."""
    columns = [pa.field(field.name, arrow_type(field)) for field in contract.fields]
    if contract.other_fields == "keep":
        columns.append(pa.field("other_fields", pa.string()))
    return pa.schema([*columns, pa.field(TRACE_COLUMN, ACCEPTED_TRACE)])


def quarantine_schema(record: pa.StructType | None) -> pa.Schema:
    """The columns of quarantined rows: the payload and key verbatim, or the typed record as it came, and why."""
    came = [pa.field("payload", pa.binary()), pa.field("key", pa.binary())]
    if record is not None:
        came = [pa.field("record", record)]
    return pa.schema([*came, pa.field("reasons", pa.list_(REASON)), pa.field(TRACE_COLUMN, QUARANTINE_TRACE)])


_ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "json": pa.string(),
}


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a field's values; an object without declared fields stays JSON text."""
    if field.type == "decimal":
        return pa.decimal128(field.precision or 38, field.scale or 0)
    if field.type == "array":
        return pa.list_(arrow_type(field.items) if field.items else pa.string())
    if field.type == "object":
        return pa.struct([pa.field(one.name, arrow_type(one)) for one in field.fields]) if field.fields else pa.string()
    return _ARROW[field.type]
