"""Checks each field by itself: limits, constants, repairs, and the keys its type asks for."""

from __future__ import annotations

from collections.abc import Iterator

from stillwell.contract.lint.constants import broken_rule, empty
from stillwell.contract.lint.finding import Finding, contradiction, doubt
from stillwell.contract.model import Constraints, Contract, Field, Fix, show
from stillwell.contract.rules import REPAIRABLE, asked
from stillwell.errors import did_you_mean

_MENDS = {"clamp": "range", "cap": "range", "truncate": "length"}


def field_findings(contract: Contract) -> Iterator[Finding]:
    """What is wrong with the fields, and with the columns of lookups."""
    for field in contract.fields:
        yield from _field(contract, field, f"fields.{field.name}", nested=False)
    for lookup in contract.lookups:
        for column in lookup.fields:
            yield from _shape(column, f"lookups.{lookup.name}.fields.{column.name}")


def _field(contract: Contract, field: Field, path: str, *, nested: bool) -> Iterator[Finding]:
    if not field.type:
        return
    yield from _shape(field, path)
    yield from _constraints(field, path)
    yield from _constants(field, path)
    for rule, fix in field.repair.items():
        yield from _repair(contract, field, rule, fix, f"{path}.repair.{rule}", nested=nested)
    if nested:
        yield from _nested(field, path)
    for severity, _, constraints in field.levels():
        if constraints.lookup is not None and constraints.lookup not in {one.name for one in contract.lookups}:
            at = f"{path}.in" if severity == "reject" else f"{path}.{severity}.in"
            names = [one.name for one in contract.lookups]
            way = did_you_mean(constraints.lookup, names) if names else "Declare it under `lookups`."
            yield Finding(at, "unknown-lookup", f"There is no lookup `{constraints.lookup}`.", way)
    for child in field.fields:
        yield from _field(contract, child, f"{path}.fields.{child.name}", nested=True)
    if field.items is not None:
        yield from _field(contract, field.items, f"{path}.items", nested=True)


def _shape(field: Field, path: str) -> Iterator[Finding]:
    """What the type asks for."""
    if field.type == "decimal" and (field.precision is None or field.scale is None):
        yield Finding(path, "missing-key", "A decimal needs `precision` and `scale`.", "Add `precision: 12, scale: 2`.")
    elif field.type == "decimal" and not 1 <= (field.precision or 0) <= 38:
        what = f"precision {field.precision} is not from 1 to 38."
        yield Finding(f"{path}.precision", "bad-value", what, "Write at most 38.")
    elif field.type == "decimal" and (field.scale or 0) > (field.precision or 0):
        what = f"scale {field.scale} is greater than precision {field.precision}."
        yield contradiction(f"{path}.scale", what, "`precision` counts all digits, those after the point included.")
    if field.type == "object" and not field.fields:
        fix = "Add `fields`, or use type `json` to keep it as it is."
        yield Finding(path, "missing-key", "An object needs `fields`.", fix)
    if field.type == "array" and field.items is None:
        fix = "Add `items: {type: …}`, or use type `json` to keep it as it is."
        yield Finding(path, "missing-key", "An array needs `items`: what its elements are.", fix)
    if field.unit is None and any(step.kind == "strip_unit" for step in field.clean):
        yield Finding(f"{path}.clean", "missing-key", "`strip_unit` needs the field's `unit`.", "Add `unit`.")


def _constraints(field: Field, path: str) -> Iterator[Finding]:
    for severity, _, constraints in field.levels():
        at = path if severity == "reject" else f"{path}.{severity}"
        for lower, upper in (("min", "above"), ("max", "below")):
            if getattr(constraints.limits, lower) is not None and getattr(constraints.limits, upper) is not None:
                yield contradiction(f"{at}.{upper}", f"`{lower}` and `{upper}` limit the same side.", "Keep one.")
        if sides := empty(constraints.limits):
            low, high = (show(getattr(constraints.limits, side)) for side in sides)
            relation = "is greater than" if sides == ("min", "max") else "leaves nothing below"
            what = f"{sides[0]} {low} {relation} {sides[1]} {high}."
            yield contradiction(f"{at}.{sides[1]}", what, "Swap them.")
        for least, most, unit in (
            (constraints.min_length, constraints.max_length, "length"),
            (constraints.min_items, constraints.max_items, "items"),
        ):
            if least is not None and most is not None and least > most:
                what = f"min_{unit} {least} is greater than max_{unit} {most}."
                yield contradiction(f"{at}.max_{unit}", what, "Swap them.")
        if severity != "reject":
            yield from _unseen(field, constraints, at)


def _unseen(field: Field, softer: Constraints, path: str) -> Iterator[Finding]:
    """A limit outside of the hard one can never speak: the hard one has spoken before."""
    for side in ("min", "max", "above", "below"):
        limit = getattr(softer.limits, side)
        if limit is not None and broken_rule(Constraints(limits=field.constraints.limits), limit) == "range":
            what = f"{side} {show(limit)} lies outside of {field.constraints.limits.describe()}, which rejects before."
            yield doubt(f"{path}.{side}", "unseen", what, "Move it inside, or leave it out.")


def _constants(field: Field, path: str) -> Iterator[Finding]:
    """Constants that break the field's own rules."""
    if field.has_default and (rule := broken_rule(field.constraints, field.default)):
        what = f"The default {show(field.default)} breaks the field's own {rule}."
        yield contradiction(f"{path}.default", what, "Choose a default that is good.")
    for index, value in enumerate(field.constraints.allowed):
        if rule := broken_rule(field.constraints, value):
            what = f"The allowed value {show(value)} breaks the field's own {rule}."
            yield contradiction(f"{path}.allowed[{index}]", what, f"Leave out the value or the {rule}.")


def _repair(contract: Contract, field: Field, rule: str, fix: Fix, path: str, *, nested: bool) -> Iterator[Finding]:
    has = ["type", *(kind for kind, _, _ in asked(field, field.constraints)), *(["required"] if field.required else [])]
    if rule not in REPAIRABLE:
        yield Finding(path, "unknown-rule", f"A field has no rule `{rule}`.", did_you_mean(rule, REPAIRABLE))
        return
    if rule not in has:
        fixes = f"Give the field a {rule}, or leave this out; it has {', '.join(has)}."
        yield contradiction(path, f"There is no rule `{rule}` on this field, so nothing to repair.", fixes)
        return
    if fix.kind in _MENDS and rule != _MENDS[fix.kind]:
        what = f"`{fix.kind}` repairs only `{_MENDS[fix.kind]}`, not `{rule}`."
        yield contradiction(path, what, "Use `clear`, or `{value: X}`.")
        return
    yield from _fix_itself(field, rule, fix, path)
    if fix.kind in ("fill", "cap"):
        if nested:
            what = f"`{fix.kind}` reads the key's history, which is kept for top-level fields only."
            yield Finding(path, "not-supported", what, "Use clear or a value, or move the field up with `from`.")
        elif not contract.key:
            what = f"`{fix.kind}` reads the key's history, and the contract has no `key`."
            yield Finding(path, "missing-key", what, "Add `key: FIELD` to the contract.")


def _fix_itself(field: Field, rule: str, fix: Fix, path: str) -> Iterator[Finding]:
    limits = field.constraints.limits
    if fix.kind == "clamp" and (limits.above is not None or limits.below is not None):
        yield contradiction(path, "`clamp` moves to a limit, and `above` and `below` leave none.", "Use `min`, `max`.")
    if fix.kind == "truncate" and (field.type != "string" or field.constraints.max_length is None):
        yield contradiction(path, "`truncate` needs a string with `max_length`.", "Add `max_length`, or use `clear`.")
    if fix.kind == "cap" and field.type not in ("integer", "double", "decimal"):
        yield Finding(path, "wrong-type", f"`cap` needs numbers, this is {field.type}.", "Use `clear`.")
    if fix.kind == "fill" and fix.method != "last" and field.type not in ("integer", "double", "decimal"):
        what = f"`fill: {fix.method}` needs numbers, this is {field.type}."
        yield Finding(path, "wrong-type", what, "Use `fill: last`.")
    if fix.kind == "clear" and rule == "required":
        yield contradiction(
            path, "`clear` sets null, which `required` forbids.", "Use `{value: X}` or `{fill: last, …}`."
        )
    elif fix.kind == "clear" and field.required and "required" not in field.repair:
        what = "`clear` sets null, and the field is required: the record is rejected all the same."
        yield contradiction(path, what, "Repair `required` too, or leave out `required` or this repair.")
    if fix.kind == "value" and (broken := broken_rule(field.constraints, fix.value)):
        what = f"The repair {show(fix.value)} breaks the field's own {broken}."
        yield contradiction(path, what, "Choose a value that is good.")


def _nested(field: Field, path: str) -> Iterator[Finding]:
    if any(one.envelope is not None for one in field.paths):
        what = "The envelope is not inside of an object."
        yield Finding(f"{path}.from", "not-supported", what, "Make it a field of the contract.")
    if not field.paths and field.name:
        what = "Only fields of the contract itself can be computed."
        yield Finding(f"{path}.value", "not-supported", what, "Move it up.")
