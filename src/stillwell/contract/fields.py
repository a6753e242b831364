"""Reads fields: what a key means there depends on the field's type, and a type may be a template of `types`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from stillwell.contract import scalars
from stillwell.contract.expression import Scope
from stillwell.contract.fixes import FIX, read_fix
from stillwell.contract.grammar import (
    BOOLEAN,
    LIMIT_DOCS,
    LIMITS,
    LITERAL,
    LITERALS,
    PATH,
    PATTERN,
    SQL,
    WHOLE,
    ZONE,
    expression,
)
from stillwell.contract.model import TYPES, Bound, Clean, Constraints, Field, Limits, Literal_, Path
from stillwell.contract.read import Broken, List, Map, Node, Text
from stillwell.contract.scalars import Unreadable
from stillwell.contract.shapes import TEXT, Data, Defined, Key, ListOf, MapOf, Raw, Reading, Scalar, Thing, choice
from stillwell.errors import did_you_mean, nearest

T = TypeVar("T")

FORMATS = ("email", "uuid", "ipv4", "ipv6", "uri", "hostname", "iso-country", "iso-currency", "card-number")
TIME_FORMATS = ("iso", "epoch_s", "epoch_ms", "epoch_us")
CLEAN_STEPS = ("trim", "squeeze", "lower", "upper", "strip_unit", "decimal_comma")
SYNONYMS = {
    "str": "string", "text": "string", "varchar": "string", "char": "string",
    "int": "integer", "long": "integer", "bigint": "integer", "smallint": "integer",
    "float": "double", "number": "double", "real": "double", "numeric": "decimal",
    "bool": "boolean", "datetime": "timestamp", "timestamptz": "timestamp",
    "struct": "object", "record": "object", "map": "object", "list": "array",
}  # fmt: skip

NUMBERS = frozenset({"integer", "double", "decimal"})
TIMES = frozenset({"timestamp", "date", "time"})
SCALARS = frozenset({"string", "boolean"}) | NUMBERS | TIMES

_LETTERS = re.compile(r"yyyy|yy|MM|dd|HH|hh|mm|ss|SSSSSS|SSS|XXX|XX|X|a|[TZ]|[^A-Za-z']")

FIELD_TYPE: Scalar[str] = Scalar(
    "a type", str, {"anyOf": [{"enum": list(TYPES)}, {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}]}
)
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_STEP = {"anyOf": [{"enum": list(CLEAN_STEPS)}, {"type": "object", "properties": {"map": {"type": "object"}}}]}

CONSTRAINT_KEYS = (
    *(Key(name, LITERAL, LIMIT_DOCS[name], types=NUMBERS | TIMES) for name in LIMITS),
    Key("min_length", WHOLE, "The fewest characters of a string.", types=frozenset({"string"})),
    Key("max_length", WHOLE, "The most characters of a string.", types=frozenset({"string"})),
    Key("min_items", WHOLE, "The fewest elements of an array.", types=frozenset({"array"})),
    Key("max_items", WHOLE, "The most elements of an array.", types=frozenset({"array"})),
    Key("pattern", PATTERN, "A regular expression (RE2) for the whole text.", types=frozenset({"string"})),
    Key("format", Raw(_TEXTS), "A named format of strings, or how times are written.", types=TIMES | {"string"}),
    Key("allowed", LITERALS, "The values that are allowed.", types=SCALARS),
    Key("in", TEXT, "The lookup whose key this value must be.", types=SCALARS),
)

LEVEL = Thing("a level", CONSTRAINT_KEYS)

FIELD = Thing(
    "a field",
    (
        Key("type", FIELD_TYPE, f"One of {', '.join(TYPES)}, or a name in `types`.", required=True),
        Key("from", ListOf(PATH, lone=True), "Where it lies in the payload; of several paths, the first present one."),
        Key("value", SQL, "An SQL expression over other fields, instead of `from`.", types=SCALARS | {"json"}),
        Key("required", BOOLEAN, "Neither absent nor null after repair."),
        Key("default", LITERAL, "The value when it is absent; null stays null.", types=SCALARS | {"json"}),
        Key("missing", ListOf(TEXT), "Raw values that mean null.", types=SCALARS),
        Key("clean", ListOf(Raw(_STEP)), "Steps on the raw text, in order, before it is parsed.", types=SCALARS),
        *CONSTRAINT_KEYS,
        Key("zone", ZONE, "The time zone of times without offset; UTC.", types=frozenset({"timestamp"})),
        Key("precision", WHOLE, "All digits of a decimal, 1 to 38.", types=frozenset({"decimal"})),
        Key("scale", WHOLE, "The digits after the point of a decimal.", types=frozenset({"decimal"})),
        Key("fields", Defined("fields"), "The fields of an object.", types=frozenset({"object"})),
        Key("items", Defined("field"), "What the elements of an array are.", types=frozenset({"array"})),
        Key("unit", TEXT, "The unit, for people and for `strip_unit`."),
        Key("description", TEXT, "What it is."),
        Key("sensitive", choice("mask", "hash"), "In reasons and samples: stars, or a hash that still joins."),
        Key("warn", LEVEL, "Limits whose breaking is a warning."),
        Key("fail", LEVEL, "Limits whose breaking quarantines the record and stops the run."),
        Key("repair", MapOf(FIX), "What to do when a rule of this field is broken."),
        Key("odcs", Data(), "What the Open Data Contract Standard says and Stillwell does not interpret."),
    ),
)


@dataclass(frozen=True)
class Templates:
    """The named templates that a field's `type` may be, and what the contract says of every field."""

    types: Mapping[str, Node]
    missing: tuple[str, ...] = ()
    strict: bool = False


def read_fields(node: Node, path: str, templates: Templates, reading: Reading) -> tuple[Field, ...]:
    """The fields of a contract, an object or a lookup, in their order."""
    nodes = MapOf[Node](Raw(), _field_name).read(node, path, reading) or {}
    if isinstance(node, Map) and not node.entries:
        reading.problems.add("bad-value", "There are no fields.", "Name at least one.", node.where, path)
    return tuple(read_field(name, one, f"{path}.{name}", templates, reading) for name, one in nodes.items())


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        fix = f"Use letters, digits and `_`, and say `from: {text}`."
        raise Unreadable(f"`{text}` is not a name for a column.", fix)
    if text.lower().startswith("_stillwell"):
        raise Unreadable("Names that begin with `_stillwell` are ours.", "Use another name, and `from` for the path.")
    return text


_field_name: Scalar[str] = Scalar("a name", _name, {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})


def read_field(name: str, node: Node, path: str, templates: Templates, reading: Reading) -> Field:
    """One field with its template resolved; broken parts are left out and reported. `value` is read later."""
    resolved = _resolve(node, templates, reading, path)
    values = FIELD.read(resolved, path, reading) or {}
    # A broken type is already reported: what depends on it is passed over.
    kind = values.get("type", "")
    _refuse_foreign(values, FIELD, kind, path, reading)
    _refuse_beside_value(values, path, reading)
    one = Field(
        name,
        kind,
        required=values.get("required", False),
        missing=tuple(dict.fromkeys((*templates.missing, *values.get("missing", ())))),
        strict=templates.strict,
        clean=_clean(values.get("clean", ()), f"{path}.clean", reading),
        zone=values.get("zone", "UTC"),
        precision=values.get("precision"),
        scale=values.get("scale"),
        unit=values.get("unit"),
        sensitive=values.get("sensitive"),
        description=values.get("description"),
        odcs=values.get("odcs", {}),
        line=reading.places[path].line if path in reading.places else node.where.line,
    )
    read = _Typed(one, reading)
    inner = f"{path}.fields"
    return replace(
        one,
        paths=() if "value" in values else values.get("from") or _default_path(name),
        default=read.literal(values.get("default"), f"{path}.default"),
        has_default="default" in values,
        parse_formats=read.time_formats(values.get("format"), f"{path}.format") if kind in TIMES else ("iso",),
        constraints=read.constraints(values, path),
        warn=read.constraints(_level(values, "warn", kind, path, reading), f"{path}.warn"),
        fail=read.constraints(_level(values, "fail", kind, path, reading), f"{path}.fail"),
        repair={
            rule: read_fix(fix, f"{path}.repair.{rule}", read.literal, reading)
            for rule, fix in values.get("repair", {}).items()
        },
        fields=read_fields(values["fields"], inner, templates, reading) if "fields" in values else (),
        items=read_field("", values["items"], f"{path}.items", templates, reading) if "items" in values else None,
    )


def read_value(one: Field, node: Node, path: str, scope: Scope, templates: Templates, reading: Reading) -> Field:
    """The field with the expression of its key `value`, if it has one."""
    resolved = _resolve(node, templates, Reading(), path)
    value = resolved.entries.get("value") if isinstance(resolved, Map) else None
    if value is None or isinstance(value, Broken):
        return one
    return replace(one, value=expression(value, f"{path}.value", scope, reading, boolean=one.type == "boolean"))


def _default_path(name: str) -> tuple[Path, ...]:
    return (Path((name,)),) if name else ()


def _resolve(node: Node, templates: Templates, reading: Reading, path: str, seen: tuple[str, ...] = ()) -> Node:
    """The node with the keys of its template under its own; an unknown type is reported and becomes the nearest."""
    kind = node.entries.get("type") if isinstance(node, Map) else None
    if not isinstance(node, Map) or not isinstance(kind, Text) or kind.value in TYPES:
        return node
    if kind.value in seen or kind.value not in templates.types:
        if kind.value in seen:
            what, fix = f"The type `{kind.value}` is made of itself.", "Name one of the built-in types."
        else:
            what, fix = f"There is no type `{kind.value}`.", _nearest_type(kind.value, templates)
        reading.problems.add("unknown-type", what, fix, kind.where, f"{path}.type")
        return Map({**node.entries, "type": Broken(kind.where)}, node.keys, node.where)
    template = _resolve(templates.types[kind.value], templates, reading, path, (*seen, kind.value))
    if not isinstance(template, Map):
        return Broken(node.where)
    own = {name: value for name, value in node.entries.items() if name != "type"}
    keys = {**template.keys, **{name: node.keys[name] for name in own}}
    return Map({**template.entries, **own}, keys, node.where)


def _nearest_type(text: str, templates: Templates) -> str:
    if exact := re.fullmatch(r"(?:decimal|numeric)\((\d+), *(\d+)\)", text):
        return f"Write `type: decimal, precision: {exact[1]}, scale: {exact[2]}`."
    if text.lower() in SYNONYMS:
        return f"Did you mean `{SYNONYMS[text.lower()]}`?"
    return did_you_mean(text, [*TYPES, *templates.types])


def _refuse_foreign(values: dict[str, Any], thing: Thing, kind: str, path: str, reading: Reading) -> None:
    """Take out, and report, the keys that mean nothing for this type."""
    for key in thing.keys:
        if kind and key.name in values and key.types and kind not in key.types:
            del values[key.name]
            at = f"{path}.{key.name}"
            what = f"`{key.name}` means nothing for type {kind}."
            reading.problems.add("wrong-type", what, _instead(key.name, kind), reading.places[at], at)


def _refuse_beside_value(values: Mapping[str, Any], path: str, reading: Reading) -> None:
    for key in ("from", "default", "missing", "clean") if "value" in values else ():
        if key in values:
            at = f"{path}.{key}"
            what = f"A computed field has no raw text, so `{key}` means nothing beside `value`."
            reading.problems.add("contradiction", what, f"Leave out `{key}` or `value`.", reading.places[at], at)


def _instead(key: str, kind: str) -> str:
    if key in LIMITS and kind in ("string", "array"):
        side = "min" if key in ("min", "above") else "max"
        return f"Use `{side}_length`." if kind == "string" else f"Use `{side}_items`."
    types = next(one.types for one in FIELD.keys if one.name == key)
    return f"It is for {', '.join(one for one in TYPES if one in types)}."


def _level(values: Mapping[str, Any], level: str, kind: str, path: str, reading: Reading) -> dict[str, Any]:
    found: dict[str, Any] = values.get(level, {})
    _refuse_foreign(found, LEVEL, kind, f"{path}.{level}", reading)
    if kind in TIMES and found.pop("format", None) is not None:
        at = f"{path}.{level}.format"
        what = "How times are written is no limit."
        reading.problems.add("wrong-type", what, "Move `format` beside `type`.", reading.places[at], at)
    return found


def _clean(steps: tuple[Node, ...], path: str, reading: Reading) -> tuple[Clean, ...]:
    found: list[Clean] = []
    for index, step in enumerate(steps):
        at = f"{path}[{index}]"
        if isinstance(step, Text) and step.value in CLEAN_STEPS:
            found.append(Clean(step.value))  # type: ignore[arg-type]
        elif isinstance(step, Map) and set(step.entries) == {"map"}:
            mapping = MapOf(TEXT).read(step.entries["map"], f"{at}.map", reading)
            found.append(Clean("map", tuple((mapping or {}).items())))
        else:
            name = step.value if isinstance(step, Text) else "map"
            what = f"There is no step `{name}`." if isinstance(step, Text) else "This is not a step."
            fix = did_you_mean(name, [*CLEAN_STEPS, "map"]) if isinstance(step, Text) else "Write `{map: {old: new}}`."
            reading.problems.add("bad-value", what, fix, step.where, at)
    return tuple(found)


@dataclass(frozen=True)
class _Typed:
    """Reads the parts of a field whose meaning depends on its type."""

    field: Field
    reading: Reading

    def literal(self, node: Node | None, path: str) -> Literal_:
        """The value that a text means for this field; None when there is none, or a broken one."""
        one = self.field
        if not one.type:
            return None
        return self._read(
            node,
            path,
            lambda text: scalars.literal(text, one.type, precision=one.precision, scale=one.scale, zone=one.zone),
        )

    def constraints(self, values: Mapping[str, Any], path: str) -> Constraints:
        """What one severity asks."""
        named = self.field.type == "string"
        return Constraints(
            limits=Limits(**{name: self._bound(values.get(name), f"{path}.{name}") for name in LIMITS}),
            min_length=values.get("min_length"),
            max_length=values.get("max_length"),
            min_items=values.get("min_items"),
            max_items=values.get("max_items"),
            pattern=values.get("pattern"),
            formats=self._texts(values.get("format"), f"{path}.format", _named_format) if named else (),
            allowed=self._allowed(values.get("allowed"), f"{path}.allowed"),
            lookup=values.get("in"),
        )

    def time_formats(self, node: Node | None, path: str) -> tuple[str, ...]:
        """How a time is written: the first that parses."""
        return self._texts(node, path, _time_format) or ("iso",)

    def _bound(self, node: Node | None, path: str) -> Bound | None:
        if not isinstance(node, Text) or not re.match(r"now\b", node.value):
            return self.literal(node, path)  # type: ignore[return-value]
        if self.field.type in ("", "timestamp", "date"):
            return self._read(node, path, scalars.now)
        what = f"`now` means nothing for type {self.field.type}."
        self.reading.problems.add("wrong-type", what, "Write a literal of that type.", node.where, path)
        return None

    def _allowed(self, node: Node | None, path: str) -> tuple[Literal_, ...]:
        if node is None:
            return ()
        if not isinstance(node, List) or not node.items:
            self.reading.problems.add("wrong-type", "This is no list of values.", "Write `[a, b]`.", node.where, path)
            return ()
        found = (self.literal(item, f"{path}[{index}]") for index, item in enumerate(node.items))
        return tuple(value for value in found if value is not None)

    def _texts(self, node: Node | None, path: str, parse: Callable[[str], str]) -> tuple[str, ...]:
        if node is None:
            return ()
        return ListOf(Scalar("a format", parse), lone=True).read(node, path, self.reading) or ()

    def _read(self, node: Node | None, path: str, parse: Callable[[str], T]) -> T | None:
        return None if node is None else Scalar("a value", parse).read(node, path, self.reading)


def _named_format(text: str) -> str:
    if text not in FORMATS:
        raise Unreadable(f"There is no format `{text}`.", did_you_mean(text, FORMATS))
    return text


def _time_format(text: str) -> str:
    if text in TIME_FORMATS:
        return text
    rest = _LETTERS.sub("", text)
    if rest or not re.search(r"yy|MM|dd|HH|hh|mm|ss", text):
        close = nearest(text, TIME_FORMATS)
        fix = f"Did you mean `{close}`?" if close else "Letters are yyyy yy MM dd HH hh mm ss SSS X a; T and Z stay."
        raise Unreadable(f"`{text}` is not how a time is written.", fix)
    return text
