"""Every rule a record can break, under its derived name, in the fixed order of judging."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stillwell.contract.model import Constraints, Contract, Field, Limits, SequenceRule, Severity, show

RuleKind: TypeAlias = Literal[
    "encoding", "format", "empty",
    "type", "pattern", "format_name", "allowed", "length", "range", "in", "required",
    "expression", "other_fields", "sequence",
]  # fmt: skip

PAYLOAD = ("payload.encoding", "payload.format", "payload.empty")
"""The rules every payload has to hold, whatever the contract asks."""

REPAIRABLE = ("type", "pattern", "format", "allowed", "length", "range", "in", "required")
"""The rules of a field, by the names that `repair` uses, in the order of judging."""

_A_TYPE = {
    "string": "text",
    "integer": "an integer",
    "double": "a number",
    "decimal": "a decimal",
    "boolean": "true or false",
    "timestamp": "a timestamp",
    "date": "a date",
    "time": "a time of day",
    "object": "an object",
    "array": "an array",
    "json": "JSON",
}
_SHOWN = 10


@dataclass(frozen=True)
class Rule:
    """One rule: `name` and `severity` go into reasons, `expected` is for people, `line` is where it is written (or 0).

    `fields` are paths: `parent.child`, `tags[]` for the elements of an array; empty for rules on the payload.
    """

    name: str
    fields: tuple[str, ...]
    severity: Severity
    kind: RuleKind
    expected: str
    line: int = 0


def rule_list(contract: Contract) -> tuple[Rule, ...]:
    """All rules on records: the payload's, each field's, the record rules, `other_fields`, and those over a history."""
    return tuple(_rules(contract))


def _rules(contract: Contract) -> Iterator[Rule]:
    yield Rule("payload.encoding", (), "reject", "encoding", "UTF-8")
    yield Rule("payload.format", (), "reject", "format", "a record that can be read")
    yield Rule("payload.empty", (), "reject", "empty", "a payload")
    for field in contract.fields:
        yield from _of_field(contract, field, field.name, f"fields.{field.name}")
    for rule in contract.rules:
        where = rule.where.fields if rule.where else ()
        fields = tuple(dict.fromkeys((*rule.expect.fields, *where)))
        yield Rule(rule.name, fields, rule.severity, "expression", rule.expect.sql, rule.line)
    if contract.other_fields in ("warn", "reject"):
        severity: Severity = "warn" if contract.other_fields == "warn" else "reject"
        line = contract.where("other_fields").line
        yield Rule("other_fields", (), severity, "other_fields", "declared fields only", line)
    for one in contract.sequence:
        yield Rule(one.name, _looked_at(contract, one), one.severity, "sequence", _over_time(one), one.line)


def _looked_at(contract: Contract, rule: SequenceRule) -> tuple[str, ...]:
    """The fields that a reason of a sequence rule shows."""
    if "field" in rule.options:
        return (str(rule.options["field"]),)
    if rule.kind == "unique":
        once = rule.options.get("fields") or contract.identity
        assert isinstance(once, tuple)
        return once
    return (contract.time,) if contract.time else ()


def _over_time(rule: SequenceRule) -> str:
    """A sequence rule in words, for example `jump: max 10, within 5m`."""
    limits = rule.options.get("limits")
    keys = [limits.describe()] if isinstance(limits, Limits) else []
    keys += [f"{key} {show(one)}" for key, one in rule.options.items() if isinstance(one, dt.timedelta)]
    return f"{rule.kind}: {', '.join(keys)}" if keys else rule.kind


def _of_field(contract: Contract, field: Field, name: str, path: str) -> Iterator[Rule]:
    """The rules of a field: hard ones, then those of `warn` and `fail`, then those of its children."""

    def line(*keys: str) -> int:
        written = [key for key in keys if f"{path}.{key}" in contract.places]
        return contract.where(f"{path}.{written[0]}" if written else path).line or field.line

    yield Rule(f"{name}.type", (name,), "reject", "type", _a_type(field), line("type"))
    for severity, _, constraints in field.levels():
        inner = "" if severity == "reject" else f"{severity}."
        for kind, expected, keys in asked(field, constraints):
            rule_kind: RuleKind = "format_name" if kind == "format" else kind  # type: ignore[assignment]
            at = line(*(inner + key for key in keys))
            yield Rule(f"{name}.{inner}{kind}", (name,), severity, rule_kind, expected, at)
        if severity == "reject" and field.required:
            yield Rule(f"{name}.required", (name,), "reject", "required", "a value", line("required"))
    for child in field.fields:
        yield from _of_field(contract, child, f"{name}.{child.name}", f"{path}.fields.{child.name}")
    if field.items is not None:
        yield from _of_field(contract, field.items, f"{name}[]", f"{path}.items")


def _a_type(field: Field) -> str:
    """What a value must be, in words; a decimal and a time with what they are most often missed by."""
    what = _A_TYPE[field.type]
    if field.type == "decimal":
        return f"{what} of {field.precision} digits, {field.scale} of them after the point"
    if field.type in ("timestamp", "date", "time") and field.parse_formats != ("iso",):
        return f"{what} written as {' or '.join(field.parse_formats)}"
    return what


def asked(field: Field, constraints: Constraints) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What constraints ask for, in the order of judging: rule, what is expected in words, the keys that say so."""
    if constraints.pattern is not None:
        yield "pattern", constraints.pattern, ("pattern",)
    if constraints.formats:
        yield "format", " or ".join(constraints.formats), ("format",)
    if constraints.allowed:
        shown = [show(value) for value in constraints.allowed[:_SHOWN]]
        more = ["…"] if len(constraints.allowed) > _SHOWN else []
        yield "allowed", "one of " + ", ".join(shown + more), ("allowed",)
    characters = _lengths(constraints.min_length, constraints.max_length, "characters")
    elements = _lengths(constraints.min_items, constraints.max_items, "elements")
    if characters or elements:
        unit = "items" if field.type == "array" else "length"
        yield "length", elements or characters, (f"min_{unit}", f"max_{unit}")
    if constraints.limits:
        yield "range", constraints.limits.describe(), ("min", "max", "above", "below")
    if constraints.lookup is not None:
        yield "in", f"a key of {constraints.lookup}", ("in",)


def _lengths(least: int | None, most: int | None, what: str) -> str:
    if least is not None and most is not None:
        return f"{least} … {most} {what}"
    if least is not None:
        return f"at least {least} {what}"
    return f"at most {most} {what}" if most is not None else ""
