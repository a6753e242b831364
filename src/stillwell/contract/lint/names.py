"""Checks the names of a contract: that each is known, of the right type, and the only one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from stillwell.contract.lint.finding import Finding, contradiction, doubt
from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import rule_list
from stillwell.errors import did_you_mean

RESERVED = "_stillwell"
_NO_KEY = ("object", "array", "json")


def name_findings(contract: Contract) -> Iterator[Finding]:
    """Names that are double, reserved, unknown, or of a type that cannot serve."""
    yield from _double_fields(contract.fields, "fields")
    yield from _double_rules(contract)
    yield from _time(contract)
    for key, names in (("key", contract.key), ("identity", contract.identity)):
        yield from known_fields(contract, names, key)
        for name in names:
            yield from _as_key(contract, name, key)
    for lookup in contract.lookups:
        path = f"lookups.{lookup.name}"
        columns = [column.name for column in lookup.fields]
        yield from _double_fields(lookup.fields, f"{path}.fields")
        for name in lookup.key:
            if name not in columns and columns:
                what = f"The lookup has no column `{name}`."
                yield Finding(f"{path}.key", "unknown-field", what, did_you_mean(name, columns))
        if lookup.name.lower() in {field.name.lower() for field in contract.fields}:
            what = f"`{lookup.name}` is a field and a lookup: `{lookup.name}.x` could mean both."
            yield contradiction(path, what, "Rename one.")
    if contract.status in ("deprecated", "retired"):
        what = f"The contract is {contract.status}."
        yield doubt("status", "status", what, "Use its successor.")


def known_fields(contract: Contract, names: Iterable[str], path: str) -> Iterator[Finding]:
    """A finding for each name that is no field of the contract."""
    fields = [field.name for field in contract.fields]
    for name in names:
        if name not in fields:
            yield Finding(path, "unknown-field", f"There is no field `{name}`.", did_you_mean(name, fields))


def _as_key(contract: Contract, name: str, path: str) -> Iterator[Finding]:
    field = next((one for one in contract.fields if one.name == name), None)
    if field is None:
        return
    if field.type in _NO_KEY:
        what = f"`{name}` is of type {field.type}, by which nothing can be told apart."
        yield Finding(path, "wrong-type", what, "Use a field with a simple value.")
    elif not field.required:
        what = f"`{name}` is not required: records without it have no {path}."
        yield doubt(path, "not-required", what, f"Add `required: true` to `{name}`.")


def _time(contract: Contract) -> Iterator[Finding]:
    if contract.time is None:
        what = "No field holds the event time, so ingest time is used."
        yield doubt("", "no-time", what, "Add `time: FIELD`.")
        return
    unknown = [*known_fields(contract, [contract.time], "time")]
    yield from unknown
    if unknown:
        return
    field = contract.field(contract.time)
    if field.type not in ("timestamp", "date", ""):
        what = f"`{field.name}` is of type {field.type}; event time is a timestamp or a date."
        yield Finding("time", "wrong-type", what, f"Change the type of `{field.name}`, or name another field.")
    elif not field.required:
        what = f"`{field.name}` is not required: where it is null, ingest time is used."
        yield doubt("time", "not-required", what, f"Add `required: true` to `{field.name}`.")


def _double_fields(fields: Sequence[Field], path: str) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for field in fields:
        first = seen.setdefault(field.name.lower(), field.name)
        if first != field.name:
            what = f"`{field.name}` and `{first}` differ only by case."
            yield Finding(f"{path}.{field.name}", "duplicate-name", what, "Rename one; `from` may keep its path.")
        yield from _double_fields(field.fields, f"{path}.{field.name}.fields")
        if field.items is not None:
            yield from _double_fields(field.items.fields, f"{path}.{field.name}.items.fields")


def _double_rules(contract: Contract) -> Iterator[Finding]:
    """Rule names are what reasons, silences and replay filters go by: each means one rule."""
    if not all(_typed(field) for field in contract.fields):
        return
    derived = [rule.name for rule in rule_list(contract) if rule.kind not in ("expression", "other_fields")]
    for name, count in Counter(derived).items():
        if count > 1:
            what = f"Two rules have the name `{name}`."
            yield Finding(f"fields.{name.split('.')[0]}", "duplicate-name", what, "Rename the field; keep `from`.")
    seen: dict[str, str] = {"other_fields": "the rule on undeclared fields"}
    for part, names in (
        ("rules", [rule.name for rule in contract.rules]),
        ("sequence", [rule.name for rule in contract.sequence]),
        ("windows", [window.name for window in contract.windows]),
        ("table", [rule.name for rule in contract.table]),
    ):
        for name in names:
            if name in seen:
                what = f"`{name}` is already the name of {seen[name]}."
                yield Finding(f"{part}.{name}", "duplicate-name", what, "Rename one.")
            if name.lower().startswith(RESERVED):
                what = f"Names that begin with `{RESERVED}` are ours."
                yield Finding(f"{part}.{name}", "bad-value", what, "Use another name.")
            seen.setdefault(name, f"something under `{part}`")


def _typed(field: Field) -> bool:
    """Whether the types of a field and of all in it could be read."""
    inner = (*field.fields, *([field.items] if field.items else []))
    return bool(field.type) and all(_typed(one) for one in inner)
