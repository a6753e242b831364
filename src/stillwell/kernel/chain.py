"""One field's way from raw text to typed value: default, missing, clean, type, constraints, each with its repair."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from math import isfinite

from stillwell.contract.model import Clean, Field, Fix
from stillwell.errors import ContractError, Where, fail
from stillwell.kernel.constraint import bad, clamped, literal
from stillwell.kernel.decode import Located, pointer
from stillwell.kernel.parse import NUMBER, duckdb_type, of_kind, parse, parse_json, quick_cast
from stillwell.kernel.sql import NOW, Levels, name, own, text, texts

_NOW = name(NOW)


@dataclass
class Verdicts:
    """The columns that the full way computes for rules, by rule name; every column is already quoted.

    `failed` is true, false or NULL (not evaluated); `repaired` is true where a repair was made, `before` the value
    before it; `seen` is what a reason shows; `item` the index of the first bad element of an array.
    """

    failed: dict[str, str] = dataclass_field(default_factory=dict)
    repaired: dict[str, str] = dataclass_field(default_factory=dict)
    before: dict[str, str] = dataclass_field(default_factory=dict)
    seen: dict[str, str] = dataclass_field(default_factory=dict)
    item: dict[str, str] = dataclass_field(default_factory=dict)


class Chain:
    """Writes the levels of one field (and of its children); afterwards `value` is the column of the final value."""

    def __init__(self, field: Field, rule_prefix: str, levels: Levels, level: int, verdicts: Verdicts) -> None:
        self._field = field
        self._rules = rule_prefix
        self._levels = levels
        self.level = level
        self._verdicts = verdicts
        self._tag = f"{len(verdicts.failed)}_"
        self._absent = "false"
        self.value = ""

    def _let(self, suffix: str, expression: str) -> str:
        column = self._levels.add(self.level, own(self._tag + suffix), expression)
        self.level += 1
        return column

    def run(self, located: Located, present: str) -> None:
        """From a raw value to the final one; `present` is true where the field's container could be read."""
        if located.native:
            self._field = replace(self._field, strict=False)
        field = self._field
        seen = self._let("seen", located.raw)
        if field.has_default:
            self._absent = self._let("absent", f"{seen} IS NULL AND {present}")
        raw = self._let("raw", self._raw_text(seen, is_json=located.json is not None))
        raw = self._let("text", cleaned(field, raw, located.is_number(seen)))
        self._verdicts.seen.setdefault(self._rules, seen)
        self._convert(raw, seen if located.json else None)
        self._constrain(present)

    def compute(self, expression: str, present: str) -> None:
        """The same for a field whose value is computed from others."""
        raw = self._let("computed", f"TRY({expression})")
        kind = "VARCHAR" if self._field.type in ("object", "array") else duckdb_type(self._field)
        self.value = self._let("value", f"TRY_CAST({raw} AS {kind})")
        self._verdicts.seen[self._rules] = self._let("seen", f"CAST({raw} AS VARCHAR)")
        self._fail("type", f"CASE WHEN {raw} IS NOT NULL THEN {self.value} IS NULL END", raw)
        self._constrain(present)

    def _raw_text(self, seen: str, *, is_json: bool) -> str:
        if not is_json:
            return seen
        if self._field.type in ("object", "array", "json"):
            return _nested_text(self._field, seen)
        return (
            f"CASE WHEN starts_with({seen}, '\"') THEN json_extract_string({seen}, '$') ELSE nullif({seen}, 'null') END"
        )

    def _convert(self, raw: str, json: str | None) -> None:
        field = self._field
        if field.type in ("object", "array"):
            self._convert_nested(raw)
            return
        if field.type == "json":
            converted = raw if json else f"CASE WHEN json_valid({raw}) THEN {raw} END"
        elif field.type == "string" and json and field.strict and not field.clean:
            converted = f"CASE WHEN {of_kind(field, json)} THEN {raw} END"
        elif field.type == "string" and json:
            # JSON text of a string begins with a quote; a brace or bracket is a structure, which is no text.
            converted = f"CASE WHEN starts_with({json}, '{{') OR starts_with({json}, '[') THEN NULL ELSE {raw} END"
        else:
            quick = quick_cast(field, raw)
            cast = self._let("cast", quick) if quick else None
            converted = parse_json(field, raw, json, cast) if json and not field.clean else parse(field, raw, cast)
        if field.has_default:
            # The default is a value of the field's type already, however the payload writes such values.
            converted = f"CASE WHEN {self._absent} THEN {literal(field, field.default)} ELSE {converted} END"
        self.value = self._let("value", converted)
        self._fail("type", f"CASE WHEN {raw} IS NOT NULL OR {self._absent} THEN {self.value} IS NULL END", raw)

    def _convert_nested(self, raw: str) -> None:
        field = self._field
        opening = "{" if field.type == "object" else "["
        fits = self._let("fits", f"CASE WHEN json_valid({raw}) THEN ltrim({raw})[1] = {text(opening)} ELSE false END")
        self._fail("type", f"CASE WHEN {raw} IS NOT NULL THEN NOT {fits} END", raw)
        if field.type == "object" and field.fields:
            self._convert_children(raw, fits)
        elif field.type == "object":
            self.value = self._let("value", f"CASE WHEN {fits} THEN {raw} END")
        else:
            self._convert_items(raw, fits)

    def _convert_children(self, raw: str, fits: str) -> None:
        parts = []
        for child in self._field.fields:
            chain = Chain(child, f"{self._rules}{child.name}.", self._levels, self.level, self._verdicts)
            steps = [path.steps for path in child.paths] or [(child.name,)]
            tries = (f"CAST(json_extract({raw}, {text(pointer(step))}) AS VARCHAR)" for step in steps)
            chain.run(Located(json=f"CASE WHEN {fits} THEN coalesce({', '.join(tries)}) END"), fits)
            self.level = chain.level
            parts.append(f"{name(child.name)} := {chain.value}")
        self.value = self._let("value", f"CASE WHEN {fits} THEN struct_pack({', '.join(parts)}) END")

    def _convert_items(self, raw: str, fits: str) -> None:
        elements = self._let("elements", f"CASE WHEN {fits} THEN CAST(json_extract({raw}, '$[*]') AS VARCHAR[]) END")
        item = self._field.items
        if item is None:
            self.value = elements
            return
        self.value = self._let("value", f"list_transform({elements}, lambda x: {element(item, 'x', 1)})")
        for rule, condition in element_bad(item, "x", 1, f"{self._rules[:-1]}[]."):
            flags = self._let(
                f"flags_{len(self._verdicts.failed)}", f"list_transform({elements}, lambda x: {condition})"
            )
            self._verdicts.item[rule] = self._let(
                f"item_{len(self._verdicts.failed)}", f"list_position({flags}, true) - 1"
            )
            self._record(rule, f"list_bool_or({flags})")

    def _constrain(self, present: str) -> None:
        field = self._field
        for severity, prefix, constraints in field.levels():
            rules = self._rules + prefix[len(field.name) + 1 :]
            for kind in dict(bad(field, constraints, self.value, _NOW)):
                # Asked for anew each time: a repair may have given the value another column.
                condition = dict(bad(field, constraints, self.value, _NOW))[kind]
                if severity == "reject":
                    self._fail(kind, condition, self.value)
                else:
                    self._record(rules + kind, condition)
            if severity == "reject":
                self._judge_moved(dict(bad(field, constraints, self.value, _NOW)))
            if severity == "reject" and field.required:
                bad_type = self._verdicts.failed.get(f"{self._rules}type", "false")
                self._fail(
                    "required", f"CASE WHEN {present} AND {bad_type} IS NOT TRUE THEN {self.value} IS NULL END", "NULL"
                )

    def _judge_moved(self, conditions: Mapping[str, str]) -> None:
        """A value that was clamped or truncated must satisfy every constraint, so each is asked again."""
        moves = [kind for kind, fix in self._field.repair.items() if fix.kind in ("clamp", "truncate")]
        moved = " OR ".join(self._verdicts.repaired[self._rules + kind] for kind in moves)
        for kind, condition in conditions.items() if moves else ():
            rule = self._rules + kind
            before = self._verdicts.failed[rule]
            again = f"CASE WHEN ({moved}) AND ({condition}) THEN true ELSE {before} END"
            self._verdicts.failed[rule] = self._let(f"again_{kind}", again)

    def _record(self, rule: str, condition: str) -> str:
        column = self._let(f"failed_{len(self._verdicts.failed)}", condition)
        self._verdicts.failed[rule] = column
        return column

    def _fail(self, kind: str, condition: str, before: str) -> None:
        """Judge a rule of severity reject; where the field has a repair for it, mend the value instead."""
        rule, fix = self._rules + kind, self._field.repair.get(kind)
        if fix is None:
            self._record(rule, condition)
            return
        found = self._let(f"bad_{kind}", condition)
        self._record(rule, f"CASE WHEN {found} IS NOT NULL THEN false END")
        self._verdicts.repaired[rule] = self._let(f"mended_{kind}", f"{found} IS TRUE")
        self._verdicts.before[rule] = self._let(f"before_{kind}", f"CAST({before} AS VARCHAR)")
        if self.value:
            self.value = self._let(
                f"fixed_{kind}", f"CASE WHEN {found} THEN {_fixed(self._field, fix, self.value)} ELSE {self.value} END"
            )


def _fixed(field: Field, fix: Fix, value: str) -> str:
    if fix.kind == "clear":
        return "NULL"
    if fix.kind == "value":
        return literal(field, fix.value)
    if fix.kind == "clamp":
        return clamped(field, field.constraints.limits, value, _NOW)
    if fix.kind == "truncate":
        return f"left({value}, {field.constraints.max_length})"
    raise fail(
        ContractError,
        "not-supported",
        f"The repair `{fix.kind}` reads the key's history, which is not built yet.",
        "Use clamp, truncate, clear or a value.",
        where=Where(line=fix.line or field.line),
        path=f"fields.{field.name}.repair",
    )


def cleaned(field: Field, raw: str, is_number: str = "false") -> str:
    """SQL of a field's text after `missing` and `clean`; `is_number` is true where the text was written as a number."""
    value = raw
    for step in field.clean:
        changed = _CLEAN[step.kind](field, step, value)
        # What is a number already has its point, and no thousands to be taken out.
        kept = step.kind == "decimal_comma" and is_number != "false"
        value = f"CASE WHEN {is_number} THEN {value} ELSE {changed} END" if kept else changed
    if not field.missing:
        return value
    same = [f"{raw} IN {texts(field.missing)}"]
    numbers = [repr(float(word)) for word in field.missing if re.fullmatch(NUMBER, word) and isfinite(float(word))]
    if numbers and field.type in ("integer", "double", "decimal"):
        # Numbers compare as numbers, in whatever way they are written.
        same.append(f"TRY_CAST({value} AS DOUBLE) IN ({', '.join(numbers)})")
    return f"CASE WHEN {' OR '.join(same)} THEN NULL ELSE {value} END"


def _nested_text(field: Field, json: str) -> str:
    """SQL of the JSON text of a structure: NULL for `null`, and for a text or a number that is among `missing`."""
    text = f"nullif({json}, 'null')"
    if not field.missing:
        return text
    return f"CASE WHEN json_extract_string({json}, '$') IN {texts(field.missing)} THEN NULL ELSE {text} END"


def _map(_: Field, step: Clean, value: str) -> str:
    cases = " ".join(
        f"WHEN {value} = {text(old)} THEN {'NULL' if new is None else text(new)}" for old, new in step.mapping
    )
    return f"CASE {cases} ELSE {value} END"


def _strip_unit(field: Field, _: Clean, value: str) -> str:
    bare = f"trim({value}, ' ')"
    unit = text(field.unit or "")
    stripped = f"rtrim(left({bare}, length({bare}) - length({unit})), ' ')"
    return f"CASE WHEN ends_with({bare}, {unit}) THEN {stripped} ELSE {value} END"


_CLEAN: Mapping[str, Callable[[Field, Clean, str], str]] = {
    "trim": lambda _, __, value: f"trim({value}, ' ' || chr(9) || chr(10) || chr(13))",
    "squeeze": lambda _, __, value: f"trim(regexp_replace({value}, '[ \\t\\r\\n]+', ' ', 'g'), ' ')",
    "lower": lambda _, __, value: f"lower({value})",
    "upper": lambda _, __, value: f"upper({value})",
    "strip_unit": _strip_unit,
    "decimal_comma": lambda _, __, value: f"replace(replace({value}, '.', ''), ',', '.')",
    "map": _map,
}


def element(item: Field, json: str, depth: int) -> str:
    """SQL of the typed value of one array element, given its JSON text; children and items are taken along."""
    if item.has_default:
        present = _present_element(item, json, depth)
        return f"CASE WHEN {json} IS NULL THEN {literal(item, item.default)} ELSE {present} END"
    return _present_element(item, json, depth)


def _present_element(item: Field, json: str, depth: int) -> str:
    if item.type == "object" and item.fields:
        parts = (f"{name(child.name)} := {element(child, _child(json, child), depth + 1)}" for child in item.fields)
        return f"CASE WHEN {json}[1] = '{{' THEN struct_pack({', '.join(parts)}) END"
    if item.type == "array":
        inner = f"CAST(json_extract({json}, '$[*]') AS VARCHAR[])"
        if item.items is None:
            return f"CASE WHEN {json}[1] = '[' THEN {inner} END"
        x = f"x{depth}"
        elements = f"list_transform({inner}, lambda {x}: {element(item.items, x, depth + 1)})"
        return f"CASE WHEN {json}[1] = '[' THEN {elements} END"
    if item.type == "object":
        return f"CASE WHEN {json}[1] = '{{' THEN {json} END"
    if item.type == "json":
        return f"nullif({json}, 'null')"
    raw = _element_text(item, json)
    strict = f"WHEN NOT {of_kind(item, json)} THEN NULL " if item.strict and not item.clean else ""
    if item.type == "string":
        return f"CASE WHEN {json}[1] IN ('{{', '[') THEN NULL {strict}ELSE {raw} END"
    return f"CASE {strict}ELSE {parse(item, raw)} END" if strict else parse(item, raw)


def _element_text(item: Field, json: str) -> str:
    return cleaned(item, f"json_extract_string({json}, '$')", f"NOT starts_with({json}, '\"')")


def _child(json: str, child: Field) -> str:
    tries = [f"CAST(json_extract({json}, {text(pointer(path.steps))}) AS VARCHAR)" for path in child.paths]
    return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"


def element_bad(item: Field, json: str, depth: int, rules: str) -> list[tuple[str, str]]:
    """Rule name and condition (true when bad) of every rule of an array's elements."""
    if item.repair:
        raise fail(
            ContractError,
            "not-supported",
            "Elements of an array cannot be repaired.",
            "Repair the whole array, or leave the repair out.",
            where=Where(line=item.line),
            path=rules[:-1],
        )
    value = element(item, json, depth)
    nested = item.type in ("object", "array", "json")
    raw = _nested_text(item, json) if nested else _element_text(item, json)
    given = f"({json} IS NULL OR ({raw}) IS NOT NULL)" if item.has_default else f"({raw}) IS NOT NULL"
    found = [(f"{rules}type", f"{given} AND ({value}) IS NULL")]
    for _, prefix, constraints in item.levels():
        level = prefix[len(item.name) + 1 :]
        found += [
            (f"{rules}{level}{kind}", condition) for kind, condition in bad(item, constraints, f"({value})", _NOW)
        ]
    if item.required:
        found.append((f"{rules}required", f"NOT ({given})"))
    for child in item.fields:
        inner = element_bad(child, _child(json, child), depth + 1, f"{rules}{child.name}.")
        found += [(rule, f"CASE WHEN {json}[1] = '{{' THEN {condition} END") for rule, condition in inner]
    if item.items is not None:
        x = f"x{depth}"
        elements = f"CAST(json_extract({json}, '$[*]') AS VARCHAR[])"
        for rule, condition in element_bad(item.items, x, depth + 1, f"{rules[:-1]}[]."):
            flags = f"list_bool_or(list_transform({elements}, lambda {x}: {condition}))"
            found.append((rule, f"CASE WHEN {json}[1] = '[' THEN {flags} END"))
    return found
