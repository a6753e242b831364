"""Checks sequence rules: that they have a key, fields of the right type, and a severity that can be kept."""

from __future__ import annotations

from collections.abc import Iterator

from stillwell.contract.lint.finding import Finding, contradiction
from stillwell.contract.lint.names import known_fields
from stillwell.contract.model import Contract, Limits, SequenceRule
from stillwell.contract.sequence import FINDINGS

_NUMERIC = ("jump", "change", "spike", "counter", "step", "anomaly")
_KEYLESS = ("late", "unique")


def sequence_findings(contract: Contract) -> Iterator[Finding]:
    """What is wrong with the sequence rules."""
    for rule in contract.sequence:
        path = f"sequence.{rule.name}"
        yield from _key(contract, rule, path)
        yield from _fields(contract, rule, path)
        yield from _limits(rule, path)
        if rule.kind in FINDINGS and rule.severity == "reject":
            what = f"A {rule.kind} accuses no record, so none can be rejected."
            yield contradiction(f"{path}.severity", what, "Use `warn` or `fail`.")
        if "repair" in rule.options and "field" not in rule.options:
            what = "There is no one field that could be repaired."
            yield contradiction(f"{path}.repair", what, "Leave out `repair`.")


def _key(contract: Contract, rule: SequenceRule, path: str) -> Iterator[Finding]:
    if not rule.key and not contract.key and rule.kind not in _KEYLESS:
        what = "A sequence rule looks at a key's history, and there is no `key`."
        yield Finding(path, "missing-key", what, "Add `key: FIELD` to the contract, or to this rule.")
    yield from known_fields(contract, rule.key, f"{path}.key")


def _fields(contract: Contract, rule: SequenceRule, path: str) -> Iterator[Finding]:
    one, many = rule.options.get("field"), rule.options.get("fields", ())
    named = [("field", one)] if isinstance(one, str) else []
    named += [("fields", name) for name in many if isinstance(name, str)] if isinstance(many, tuple) else []
    types = {field.name: field.type for field in contract.fields}
    for key, name in named:
        yield from known_fields(contract, [name], f"{path}.{key}")
        if rule.kind in _NUMERIC and types.get(name, "") not in ("", "integer", "double", "decimal"):
            what = f"`{name}` is of type {types[name]}; a {rule.kind} is of numbers."
            yield Finding(f"{path}.{key}", "wrong-type", what, "Name a field of numbers.")
    if rule.kind == "unique" and not named and not contract.identity:
        what = "There is nothing that must be unique: neither `fields` here nor `identity` in the contract."
        yield Finding(path, "missing-key", what, "Add `fields: […]`, or `identity` to the contract.")
    if rule.kind == "anomaly" and len({key for key, _ in named}) != 1:
        what = "An anomaly is of one `field`, or of several `fields`."
        yield Finding(path, "missing-key" if not named else "contradiction", what, "Give one of the two.")


def _limits(rule: SequenceRule, path: str) -> Iterator[Finding]:
    limits = rule.options.get("limits")
    if not isinstance(limits, Limits):
        return
    if limits.max is None and limits.below is None:
        yield Finding(path, "missing-key", f"A {rule.kind} needs a limit.", "Add `max` (or `below`).")
    elif limits.max is not None and limits.below is not None:
        yield contradiction(f"{path}.below", "`max` and `below` limit the same side.", "Keep one.")
