"""Reads windows of event time and the rules over them: a measure, and a limit or a detector."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stillwell.contract import scalars
from stillwell.contract.expression import Scope
from stillwell.contract.grammar import DURATION, LIMIT_DOCS, LIMITS, NAME, SQL, expression
from stillwell.contract.model import Bound, Field, Limits, Window, WindowRule
from stillwell.contract.read import Node, Text
from stillwell.contract.scalars import Unreadable
from stillwell.contract.shapes import TEXT, Key, ListOf, MapOf, PlugInShape, Raw, Reading, Scalar, Thing, choice
from stillwell.errors import did_you_mean

Argument = Literal["", "field", "number", "rule", "expression"]
Kind = Literal["number", "share", "duration", "value"]


@dataclass(frozen=True)
class Measure:
    """What a measure is taken of, and how its limits are written (`value`: as literals of the field)."""

    argument: Argument
    limits: Kind


MEASURES: Mapping[str, Measure] = {
    **dict.fromkeys(("count", "read", "rejected"), Measure("", "number")),
    **dict.fromkeys(("reject_rate", "warn_rate", "repair_rate", "drift_share"), Measure("", "share")),
    **dict.fromkeys(("freshness", "lateness"), Measure("", "duration")),
    "failed": Measure("rule", "number"),
    "failed_rate": Measure("rule", "share"),
    "share": Measure("expression", "share"),
    **dict.fromkeys(("null_rate", "invalid_rate", "duplicate_rate"), Measure("field", "share")),
    **dict.fromkeys(("distinct", "duplicates"), Measure("field", "number")),
    **dict.fromkeys(("min", "max"), Measure("field", "value")),
    **dict.fromkeys(("mean", "std", "sum", "p01", "p50", "p90", "p95", "p99"), Measure("number", "number")),
    **dict.fromkeys(("psi", "ks", "js", "wasserstein", "chi2"), Measure("field", "number")),
}

_AFTER = re.compile(r"(\d{1,4}) of (\d{1,4})", re.ASCII)


def _after(text: str) -> tuple[int, int]:
    found = _AFTER.fullmatch(text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise Unreadable(f"`{text}` is not a count of windows.", "Write it like `3 of 5`.")
    return int(found[1]), int(found[2])


def _severity(text: str) -> str:
    if text == "reject":
        raise Unreadable("A window cannot reject a record.", "Use `warn` (opens an incident) or `fail` (also stops).")
    shape = choice("warn", "fail")
    return shape.parse(text)


WINDOW_RULE = Thing(
    "a window rule",
    (
        Key("measure", TEXT, f"One of {', '.join(MEASURES)}, with its argument: `mean(f)`.", required=True),
        *(Key(name, Raw(), LIMIT_DOCS[name]) for name in LIMITS),
        Key("detect", PlugInShape(), "A detector, instead of limits."),
        Key("against", DURATION, "Compare with the same window that long ago; limits are shares."),
        Key("after", Scalar("`3 of 5`", _after, {"type": "string"}), "How many of the last windows must be bad."),
        Key("severity", Scalar("warn or fail", _severity, {"enum": ["warn", "fail"]}), "warn, or fail (also stops)."),
        Key("description", TEXT, "What the rule is for."),
    ),
)

WINDOW = Thing(
    "a window",
    (
        Key("every", DURATION, "A new window begins that often."),
        Key("size", DURATION, "How long a window is, when larger than `every`."),
        Key("session", DURATION, "Instead of `every`: a window ends after that silence of a key."),
        Key("by", ListOf(TEXT), "A window for each value of these fields."),
        Key("late", DURATION, "How long to wait for late records; 0s."),
        Key("where", SQL, "Which records count."),
        Key("rules", MapOf(WINDOW_RULE), "What must hold of each window.", required=True),
    ),
)


def read_windows(node: Node, path: str, scope: Scope, reading: Reading) -> tuple[Window, ...]:
    """The windows, in the order of the file."""
    windows = MapOf[Node](Raw(), NAME).read(node, path, reading) or {}
    return tuple(_window(name, one, f"{path}.{name}", scope, reading) for name, one in windows.items())


def read_table(node: Node, path: str, scope: Scope, reading: Reading) -> tuple[WindowRule, ...]:
    """The rules over all records of a table together, in the order of the file."""
    rules = MapOf(WINDOW_RULE, NAME).read(node, path, reading) or {}
    found = (_rule(name, one, f"{path}.{name}", scope, reading) for name, one in rules.items())
    return tuple(rule for rule in found if rule is not None)


def _window(name: str, node: Node, path: str, scope: Scope, reading: Reading) -> Window:
    values = WINDOW.read(node, path, reading) or {}
    rules = (_rule(rule, one, f"{path}.rules.{rule}", scope, reading) for rule, one in values.get("rules", {}).items())
    return Window(
        name,
        values.get("every"),
        values.get("size"),
        values.get("session"),
        values.get("by", ()),
        values.get("late", dt.timedelta(0)),
        expression(values.get("where"), f"{path}.where", scope, reading),
        tuple(rule for rule in rules if rule is not None),
        reading.places[path].line,
    )


def _rule(name: str, values: Mapping[str, Any], path: str, scope: Scope, reading: Reading) -> WindowRule | None:
    if "measure" not in values:
        return None
    where = reading.places[f"{path}.measure"]
    call = re.fullmatch(r"([A-Za-z0-9_]+)(?:\((.*)\))?", values["measure"].strip(), re.DOTALL)
    if call is None or call[1] not in MEASURES:
        known = call[1] if call else values["measure"]
        what = f"There is no measure `{known}`."
        reading.problems.add("bad-value", what, did_you_mean(known, MEASURES), where, f"{path}.measure")
        return None
    measure, argument = MEASURES[call[1]], (call[2] or "").strip()
    if bool(argument) != bool(measure.argument):
        fix = f"Write `{call[1]}({measure.argument})`." if measure.argument else f"Write `{call[1]}`."
        what = f"`{call[1]}` takes {'one argument' if measure.argument else 'no argument'}."
        reading.problems.add("bad-value", what, fix, where, f"{path}.measure")
        return None
    spelled = _spelled(measure, Text(argument, where), f"{path}.measure", scope, reading)
    one = next((one for one in scope.fields if one.name == spelled), None)
    against = "against" in values
    limits = {
        limit: _bound(values.get(limit), measure, one, f"{path}.{limit}", reading, against=against) for limit in LIMITS
    }
    return WindowRule(
        name,
        f"{call[1]}({spelled})" if argument else call[1],
        Limits(**limits),
        values.get("detect"),
        values.get("against"),
        values.get("after", (1, 1)),
        values.get("severity", "warn"),
        values.get("description"),
        reading.places[path].line,
    )


def _spelled(measure: Measure, argument: Text, path: str, scope: Scope, reading: Reading) -> str:
    """The argument as the contract spells it; an expression becomes checked SQL. Rules are linted later."""
    if measure.argument == "expression":
        found = expression(argument, path, scope, reading)
        return found.sql if found else ""
    if measure.argument not in ("field", "number"):
        return argument.value
    names = {one.name.lower(): one for one in scope.fields}
    one = names.get(argument.value.lower())
    if one is None:
        fix = did_you_mean(argument.value, [one.name for one in scope.fields])
        what = f"There is no field `{argument.value}`."
        reading.problems.add("unknown-field", what, fix, argument.where, path)
        return argument.value
    if measure.argument == "number" and one.type not in ("integer", "double", "decimal", ""):
        what = f"`{one.name}` is of type {one.type}; this measure needs numbers."
        reading.problems.add("wrong-type", what, "Measure a field of numbers.", argument.where, path)
    return one.name


def _bound(
    node: Node | None, measure: Measure, one: Field | None, path: str, reading: Reading, *, against: bool
) -> Bound | None:
    if node is None:
        return None
    parse: Callable[[str], Any] = {"share": scalars.share, "duration": scalars.duration}.get(
        "share" if against else measure.limits, scalars.number
    )
    if measure.limits == "value" and not against:
        if one is None or not one.type:
            return None
        kind = one

        def parse(text: str) -> Any:
            return scalars.literal(text, kind.type, precision=kind.precision, scale=kind.scale, zone=kind.zone)

    found: Bound | None = Scalar("a limit", parse).read(node, path, reading)
    return found
