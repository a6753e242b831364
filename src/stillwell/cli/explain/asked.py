"""What a contract asks: its fields with what happens before their rules, and all rules in the order of judging."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from stillwell.cli.base import shown
from stillwell.cli.explain.compiled import remembered
from stillwell.contract.model import Contract, Expression, Field, Fix, show
from stillwell.contract.model import Path as FieldPath
from stillwell.contract.rules import Rule, rule_list


@dataclass(frozen=True)
class Asked:
    """One rule, the repair that follows when it fails, and what else is said of it."""

    rule: Rule
    repair: str | None
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        rule = self.rule
        return {
            "rule": rule.name,
            "severity": rule.severity,
            "fields": list(rule.fields),
            "expected": rule.expected,
            "line": rule.line,
            "repair": self.repair,
            "notes": list(self.notes),
        }


def asked(contract: Contract, only: str | None) -> list[Asked]:
    """Every rule of the contract, or the one of that name."""
    return [_asked(contract, rule) for rule in rule_list(contract) if only in (None, rule.name)]


def lines(contract: Contract, rules: list[Asked], only: str | None) -> Iterator[str]:
    """Fields and rules as people read them."""
    if only is None:
        if contract.description:
            yield shown(contract.description)
        said = (
            ("event time", contract.time),
            ("key", ", ".join(contract.key)),
            ("identity", ", ".join(contract.identity)),
        )
        told = [f"other fields: {contract.other_fields}", f"parsing: {contract.parsing}"]
        yield " · ".join([*(f"{what} {name}" for what, name in said if name), *told])
    named = max(len(one.rule.name) for one in rules)
    expects = min(60, max(len(one.rule.expected) for one in rules))
    fields = {field.name: field for field in contract.fields}
    for group, members in groupby(rules, key=lambda one: _group(one.rule)):
        if only is None:
            yield ""
            yield f"{group}  {', '.join(steps(contract, fields[group]))}" if group in fields else group
        for one in members:
            line = f"  line {one.rule.line}" if one.rule.line else ""
            expected = f"{shown(one.rule.expected):<{expects}}"
            yield f"  {one.rule.name:<{named}}  {one.rule.severity:<6}  {expected}{line}".rstrip()
            if one.repair:
                yield f"    else {one.repair}"
            yield from (f"    {shown(note)}" for note in one.notes)
    if only is not None and rules[0].rule.line:
        yield f"\n{source(contract, rules[0].rule.line)}"


def source(contract: Contract, line: int) -> str:
    """A line of the contract with its place, as an editor can be sent to it."""
    text = Path(contract.file).read_text(encoding="utf-8-sig").splitlines()
    written = text[line - 1].strip() if 0 < line <= len(text) else ""
    return f"{shown(contract.file)}:{line}  {shown(written)}"


def plain_fields(contract: Contract) -> list[dict[str, Any]]:
    """Every field as plain data."""
    return [
        {"field": field.name, "type": field.type, "line": field.line, "steps": steps(contract, field)}
        for field in contract.fields
    ]


def steps(contract: Contract, field: Field) -> list[str]:
    """What a field is and what happens to its value before any rule, in that order."""
    said = [field.type + (f"({field.precision},{field.scale})" if field.type == "decimal" else "")]
    said += [field.unit] if field.unit else []
    if field.value is not None:
        said.append(f"computed: {field.value.sql}")
    elif [_path(one) for one in field.paths] != [field.name]:
        said.append("from " + " or else ".join(map(_path, field.paths)))
    if field.has_default:
        said.append(f"{show(field.default)} when absent")
    missing = tuple(dict.fromkeys((*contract.missing, *field.missing)))
    said += [f"null when {' or '.join(missing)}"] if missing else []
    said += [one.kind for one in field.clean]
    if field.type in ("timestamp", "date", "time") and (field.parse_formats, field.zone) != (("iso",), "UTC"):
        said.append(f"read as {' or '.join(field.parse_formats)} in {field.zone}")
    said += [f"sensitive: {field.sensitive}"] if field.sensitive else []
    return said


def _asked(contract: Contract, rule: Rule) -> Asked:
    if rule.kind == "expression":
        written = next(one for one in contract.rules if one.name == rule.name)
        notes = [f"where {written.where.sql}"] if written.where else []
        notes.append("over null: not evaluated" if written.if_null == "skip" else "over null: broken")
        notes += [written.description] if written.description else []
        return Asked(rule, None, tuple(notes))
    if rule.kind == "sequence":
        return Asked(rule, None, _by_history(contract, rule.name))
    field = _field(contract, rule.fields[0]) if rule.fields else None
    kind = "format" if rule.kind == "format_name" else rule.kind
    fix = field.repair.get(kind) if field and rule.severity == "reject" else None
    return Asked(rule, _repair(fix) if fix else None, ())


def _by_history(contract: Contract, name: str) -> tuple[str, ...]:
    """Whose history a sequence rule goes by, and what else is written of it."""
    written = next(one for one in contract.sequence if one.name == name)
    cost = next((one for one in remembered(contract) if name in one.rules), None)
    whose = f"each {', '.join(cost.key)}: {cost.rules[name]} bytes a key" if cost else "its partition"
    where = written.options.get("where")
    notes = [f"by the history of {whose}", f"where {where.sql}" if isinstance(where, Expression) else ""]
    return tuple(note for note in (*notes, written.description) if note)


def _group(rule: Rule) -> str:
    if rule.kind == "sequence":
        return "history"
    if rule.kind in ("expression", "other_fields"):
        return "whole record"
    return re.split(r"[.\[]", rule.fields[0])[0] if rule.fields else "payload"


def _field(contract: Contract, path: str) -> Field | None:
    """The field at a path such as `parent.child` or `tags[].name`."""
    first, *rest = re.findall(r"[^.\[\]]+|\[\]", path)
    field: Field | None = contract.field(first)
    for step in rest:
        if field is not None:
            field = field.items if step == "[]" else next((one for one in field.fields if one.name == step), None)
    return field


def _repair(fix: Fix) -> str:
    words = {"clamp": "the nearest limit", "truncate": "cut to length", "clear": "null"}
    if fix.kind in words:
        return words[fix.kind]
    return show(fix.value) if fix.kind == "value" else f"{fix.kind} from the key's history"


def _path(path: FieldPath) -> str:
    """A path as the contract writes it."""
    if path.envelope is not None:
        return f"${path.envelope}"
    text = ""
    for step in path.steps:
        text += f"[{step}]" if isinstance(step, int) else ("." if text else "") + re.sub(r"([.\[\]\\])", r"\\\1", step)
    return text
