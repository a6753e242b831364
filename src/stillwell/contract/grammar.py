"""The shapes that all parts of a contract are made of: names, durations, limits, severities, SQL expressions."""

from __future__ import annotations

from stillwell.contract import scalars
from stillwell.contract.expression import BadExpression, Scope, parse
from stillwell.contract.model import Expression
from stillwell.contract.path import path as read_path
from stillwell.contract.pattern import pattern
from stillwell.contract.read import Node, Text
from stillwell.contract.shapes import TEXT, Key, Raw, Reading, Scalar, choice, matching

NAME = matching("a name of letters, digits and `_`", "[A-Za-z_][A-Za-z0-9_]*")
DURATION = Scalar(
    "a duration like `30s` or `1h30m`", scalars.duration, {"type": "string", "pattern": "^([0-9]+(ms|[wdhms]))+$"}
)
WHOLE = Scalar("a whole number", scalars.whole, {"type": "integer", "minimum": 0})
NUMBER = Scalar("a number", scalars.number, {"type": "number"})
BOOLEAN = Scalar("`true` or `false`", scalars.boolean, {"type": "boolean"})
SEMVER = Scalar("a version of three parts", scalars.semver, {"type": "string"})
ZONE = Scalar("a time zone", scalars.zone, {"type": "string"})
PATTERN = Scalar("a regular expression", pattern, {"type": "string", "format": "regex"})
PATH = Scalar("a path", read_path, {"type": "string"})
SEVERITY = choice("reject", "warn", "fail")
LITERAL = Raw()
LITERALS = Raw({"type": "array", "items": {"type": ["string", "number", "boolean"]}})
SQL = Raw({"type": ["string", "boolean"]})

LIMITS = ("min", "max", "above", "below")
LIMIT_DOCS = {
    "min": "The smallest good value.",
    "max": "The largest good value.",
    "above": "Good values are greater than this.",
    "below": "Good values are less than this.",
}

RULE_KEYS = (
    Key("severity", SEVERITY, "reject (quarantine), warn (accept and say so) or fail (quarantine and stop)."),
    Key("where", SQL, "Which records the rule is about: an SQL expression."),
    Key("description", TEXT, "What the rule is for."),
)


def expression(
    node: Node | None, path: str, scope: Scope, reading: Reading, *, boolean: bool = True
) -> Expression | None:
    """The SQL expression that a node holds; each fault is a problem at its character."""
    if node is None:
        return None
    if not isinstance(node, Text):
        reading.problems.add("wrong-type", "Here stands no text.", "Write one SQL expression.", node.where, path)
        return None
    try:
        return parse(node.value, scope, boolean=boolean)
    except BadExpression as error:
        for fault in error.faults:
            at = f"{path}, character {fault.character}"
            reading.problems.add(fault.code, fault.what, fault.fix, node.where, at)
        return None
