"""The reference for every format: finds the raw values of a record and leaves their judgement to the slow judge."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract, Field
from stillwell.kernel import Format
from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED
from tests.fuzz.contracts import Spec
from tests.fuzz.expressions import Uncomputable, value
from tests.kernel.records import CLOCK, Outcome
from tests.kernel.reference import Json, Judge, NotJson, Outside, Word, _locate

NUMERIC = ("integer", "double", "decimal")
OTHERS = "other_fields"


def outcomes(spec: Spec, contract: Contract, table: pa.Table, form: Format) -> Iterator[Outcome | None]:
    """What becomes of each record of a batch; None where a rule cannot be computed."""
    record = table.schema.field("record").type if "record" in table.column_names else None
    fields = contract.fields if record is None else _native(contract, record)
    contract = replace(contract, fields=tuple(_by_envelope(one) for one in fields))
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for place in range(len(table)):
        row = {name: values[place] for name, values in columns.items()}
        now = row.get("ingest_time") or CLOCK
        rules = {name: partial(_holds, rule, now) for name, rule in spec.get("rules", {}).items()}
        raw = _typed(row["record"], contract, record) if record is not None else decoded(row["payload"], contract, form)
        try:
            yield _judged(Lists(contract, rules, now), raw, _envelope(row, now))
        except Uncomputable:
            yield None


def outcome(contract: Contract, payload: bytes | None, form: Format) -> Outcome:
    """What becomes of one payload whose envelope is empty."""
    return _judged(Lists(contract, {}, CLOCK), decoded(payload, contract, form), {})


class Lists(Judge):
    """Remembers repairs of objects and arrays without what was there before."""

    def _check(self, one: Field, rule: str, kind: str, broken: bool, value: Any, before: Any) -> Any:
        return super()._check(one, rule, kind, broken, value, None if isinstance(before, dict | list) else before)


def _judged(judge: Judge, raw: dict[str, Any] | str, envelope: Mapping[str, str | None]) -> Outcome:
    """The verdict on the raw values of a record, or under the rule that its payload broke."""
    if isinstance(raw, str):
        return Outcome(QUARANTINED, None, {raw})
    contract = judge.contract
    others = others_of(contract, raw)
    values = {one.name: judge._field(one, one.name, _locate(one, raw, envelope)) for one in contract.fields}
    for name, rule in judge.rules.items():
        judge.failed[name] = rule(values) is False
    if contract.other_fields in ("warn", "reject"):
        judge.failed[OTHERS] = bool(others)
    broken = {rule for rule, bad in judge.failed.items() if bad}
    soft = {one.name for one in contract.rules if one.severity == "warn"}
    soft |= {OTHERS} if contract.other_fields == "warn" else set()
    if any(rule not in soft and ".warn." not in rule for rule in broken):
        return Outcome(QUARANTINED, None, broken)
    if contract.other_fields == "keep":
        values[OTHERS] = others or None
    return Outcome(WARNED if broken or judge.repairs else ACCEPTED, values, broken, judge.repairs)


def _holds(rule: Spec, now: dt.datetime, values: Mapping[str, Any]) -> bool | None:
    """A record rule: None where it is not evaluated."""
    known = {**values, "now": now}
    if "where" in rule and value(rule["where"], known) is not True:
        return None
    kept = value(rule["expect"], known)
    return False if kept is None and rule.get("if_null") == "fail" else kept


def others_of(contract: Contract, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What the contract does not declare."""
    known = {str(path.steps[0]) for one in contract.fields for path in one.paths if path.steps}
    return {name: value for name, value in raw.items() if name not in known}


def _envelope(row: Mapping[str, Any], now: dt.datetime) -> dict[str, str | None]:
    key = row.get("key")
    return {
        "key": None if key is None else _decoded(key),
        "topic": row.get("topic"),
        "partition": str(row["partition"]),
        "offset": str(row["offset"]),
        "ingest_time": now.isoformat(sep=" ").removesuffix(":00"),
    }


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def decoded(payload: bytes | None, contract: Contract, form: Format) -> dict[str, Any] | str:
    """The raw values of a payload by name, or the rule it breaks."""
    if not payload:
        return "payload.empty"
    text = _decoded(payload)
    if text is None:
        return "payload.encoding"
    if form.name == "csv":
        return _line(text, form)
    try:
        record = Json(text, strict=contract.parsing == "strict").read()
    except NotJson:
        return "payload.format"
    return record if isinstance(record, dict) else "payload.format"


def _line(text: str, form: Format) -> dict[str, Any] | str:
    """The cells by column; an empty one is absent, except among those that nobody declared."""
    found, header = cells(text, form.options["delimiter"], form.options["quote"]), form.options["header"]
    return Cells(zip(header, map(Outside, found), strict=True)) if len(found) == len(header) else "payload.format"


class Cells(dict[str, Any]):
    """Cells by column: those that are empty are not there for whoever asks for one by its name."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name) or default


def cells(line: str, delimiter: str, quote: str) -> list[str]:
    """The cells of a line; one whose quotes do not close is cut at every delimiter (RFC 4180 has no such line)."""
    found, at = [], 0
    while True:
        if quote and line.startswith(quote, at):
            text, at = _quoted(line, quote, at + len(quote))
            if at < 0 or not (at == len(line) or line.startswith(delimiter, at)):
                return line.split(delimiter)
        else:
            end = line.find(delimiter, at)
            end = len(line) if end < 0 else end
            text, at = line[at:end], end
        found.append(text)
        if at == len(line):
            return found
        at += len(delimiter)


def _quoted(line: str, quote: str, at: int) -> tuple[str, int]:
    """The text of a cell in quotes and the place behind it, which is negative where it does not close."""
    text = ""
    while at < len(line):
        if line.startswith(quote * 2, at):
            text, at = text + quote, at + 2
        elif line.startswith(quote, at):
            return text, at + 1
        else:
            text, at = text + line[at], at + 1
    return "", -1


def _native(contract: Contract, record: pa.StructType) -> Iterator[Field]:
    """The fields as typed columns are read: what is typed already was not written by anybody, so nothing is strict."""
    kinds = {record.field(place).name: record.field(place).type for place in range(record.num_fields)}
    for one in contract.fields:
        here = [kinds[str(path.steps[0])] for path in one.paths if path.steps and str(path.steps[0]) in kinds]
        native = bool(here) and not any(_is_text(kind) or pa.types.is_nested(kind) for kind in here)
        yield replace(one, strict=one.strict and not native)


def _by_envelope(one: Field) -> Field:
    """The same of what the envelope holds typed; keys and topics are texts."""
    native = bool(one.paths) and all(path.envelope not in (None, "key", "topic") for path in one.paths)
    return replace(one, strict=one.strict and not native)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _typed(record: dict[str, Any] | None, contract: Contract, kind: pa.StructType) -> dict[str, Any] | str:
    """The raw values of a typed record: null is absent."""
    if record is None:
        return "payload.empty"
    wanted = {str(path.steps[0]): one for one in contract.fields for path in one.paths if path.steps}
    found: dict[str, Any] = {}
    for name, given in record.items():
        if name not in wanted:
            found[name] = given
        elif given is not None:
            found[name] = _raw(given, wanted[name], kind.field(name).type)
    return found


def _raw(value: Any, one: Field, kind: pa.DataType) -> Any:
    """A typed value as it would be written."""
    if isinstance(value, dict | list):
        return Json(json.dumps(value)).read()
    if isinstance(value, str):
        return Outside(value)
    if isinstance(value, bool):
        return Outside(str(value).lower())
    if isinstance(value, int | float | Decimal):
        text = str(pa.scalar(value, kind).as_py()) if kind != pa.float32() else _single(value)
        return Word(text) if one.type in NUMERIC else Outside(text)
    return Outside(value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat())


def _single(value: float) -> str:
    return str(np.float32(value))
