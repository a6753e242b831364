"""Reads repairs: `clamp`, `truncate`, `clear`, a constant, or what is taken from the key's history."""

from __future__ import annotations

from collections.abc import Callable

from stillwell.contract.grammar import DURATION
from stillwell.contract.model import Fix, Literal_
from stillwell.contract.read import List, Map, Node, Text
from stillwell.contract.scalars import share
from stillwell.contract.shapes import Key, ListOf, Raw, Reading, Scalar, Thing, choice
from stillwell.errors import did_you_mean

WORDS = ("clamp", "truncate", "clear")
_SHARE = Scalar("a share like `1%`", share, {"type": "string", "pattern": "^[0-9.]+ ?%$"})

_VALUE = Thing("a repair by a constant", (Key("value", Raw(), "The constant.", required=True),))
_FILL = Thing(
    "a repair from the key's history",
    (
        Key("fill", choice("last", "mean", "median"), "What of the key's accepted values is taken.", required=True),
        Key("within", DURATION, "How far back those values may lie.", required=True),
    ),
)
_CAP = Thing(
    "a repair by quantiles",
    (
        Key("cap", ListOf(_SHARE), "The two quantiles of the key's accepted values.", required=True),
        Key("within", DURATION, "How far back those values may lie.", required=True),
    ),
)
FIX = Raw({"anyOf": [{"enum": list(WORDS)}, _VALUE.schema(), _FILL.schema(), _CAP.schema()]})


def read_fix(node: Node, path: str, literal: Callable[[Node, str], Literal_], reading: Reading) -> Fix:
    """The repair that a node holds; a broken one is reported and becomes `clear`, so that reading can go on.

    `literal` reads a constant by the type of the field.
    """
    broken = Fix("clear", line=node.where.line)
    if isinstance(node, Text):
        if node.value in WORDS:
            return Fix(node.value, line=node.where.line)  # type: ignore[arg-type]
        what = f"There is no repair `{node.value}`."
        reading.problems.add("bad-value", what, did_you_mean(node.value, _known()), node.where, path)
        return broken
    if isinstance(node, Map) and "value" in node.entries:
        values = _VALUE.read(node, path, reading) or {}
        constant = literal(values["value"], f"{path}.value") if "value" in values else None
        return Fix("value", constant, line=node.where.line)
    if isinstance(node, Map) and "fill" in node.entries:
        values = _FILL.read(node, path, reading) or {}
        return Fix("fill", method=values.get("fill", ""), within=values.get("within"), line=node.where.line)
    if isinstance(node, Map) and "cap" in node.entries:
        values = _CAP.read(node, path, reading) or {}
        quantiles = values.get("cap", ())
        if len(quantiles) == 2 and quantiles[0] < quantiles[1] <= 1:
            return Fix("cap", quantiles=quantiles, within=values.get("within"), line=node.where.line)
        what, fix = "`cap` takes a lower and an upper quantile.", "Write `{cap: [1%, 99%], within: 7d}`."
        reading.problems.add("bad-value", what, fix, node.where, path)
        return broken
    kind = "a list" if isinstance(node, List) else "a map with other keys"
    fix = "Write one of clamp, truncate, clear, {value: X}, {fill: last, within: 15m}, {cap: [1%, 99%], within: 7d}."
    reading.problems.add("bad-value", f"Here stands {kind}.", fix, node.where, path)
    return broken


def _known() -> list[str]:
    return [*WORDS, "{value: X}", "{fill: last, within: 15m}", "{cap: [1%, 99%], within: 7d}"]
