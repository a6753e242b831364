"""Reads sequence rules: what must hold over a key's history, a table of keys for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillwell.contract import scalars
from stillwell.contract.expression import Scope
from stillwell.contract.fixes import FIX, read_fix
from stillwell.contract.grammar import BOOLEAN, DURATION, LIMIT_DOCS, NAME, NUMBER, RULE_KEYS, expression
from stillwell.contract.model import Field, Limits, Literal_, SequenceRule
from stillwell.contract.read import Map, Node, Text
from stillwell.contract.shapes import TEXT, Key, ListOf, MapOf, PlugInShape, Raw, Reading, Scalar, Thing, choice
from stillwell.errors import did_you_mean

FINDINGS = ("gap", "step")
"""Kinds that accuse no record: they can warn or stop, never reject."""

_FIELD = Key("field", TEXT, "The field that is looked at.", required=True)
_WITHIN = Key("within", DURATION, "How far to look back.", required=True)
_LIMITS = tuple(Key(name, NUMBER, LIMIT_DOCS[name]) for name in ("max", "below"))
_STATE = Raw()

KINDS: Mapping[str, tuple[Key, ...]] = {
    "jump": (_FIELD, *_LIMITS, _WITHIN),
    "change": (_FIELD, *_LIMITS, _WITHIN),
    "spike": (_FIELD, *_LIMITS, Key("records", NUMBER, "Of how many values before it is told from the median; 5.")),
    "unchanged": (_FIELD, Key("for", DURATION, "How long the value may stand still.", required=True)),
    "unique": (Key("fields", ListOf(TEXT), "What must not come twice; by default `identity`."), _WITHIN),
    "order": (),
    "late": (Key("max", DURATION, "How far behind the newest record of its partition it may be.", required=True),),
    "count": (Key("max", NUMBER, "The most records of a key.", required=True), _WITHIN),
    "counter": (_FIELD, Key("reset", BOOLEAN, "Whether it may begin again.")),
    "step": (_FIELD, Key("by", NUMBER, "The step between two records; 1.")),
    "gap": (Key("max", DURATION, "The longest silence of a key.", required=True),),
    "session": (
        Key("inactivity", DURATION, "The silence of a key that ends its session.", required=True),
        Key("longest", DURATION, "How long a session may last."),
        Key("records", NUMBER, "The most records of a session."),
    ),
    "transition": (
        _FIELD,
        Key("start", ListOf(_STATE, lone=True), "The states a key may begin in."),
        Key("allowed", MapOf(ListOf(_STATE)), "For each state, those that may follow.", required=True),
    ),
    "anomaly": (
        Key("field", TEXT, "The field that is looked at."),
        Key("fields", ListOf(TEXT), "The fields that are looked at together."),
        Key("detect", PlugInShape(), "The detector.", required=True),
        Key("min_score", NUMBER, "The least score that is an anomaly."),
    ),
}

_COMMON = (
    Key("kind", choice(*KINDS), f"One of {', '.join(KINDS)}.", required=True),
    Key("key", ListOf(TEXT, lone=True), "Whose history, instead of the contract's `key`."),
    *RULE_KEYS,
    Key(
        "history",
        choice("accepted", "all"),
        "What a record is compared with: accepted ones, or all that are well-formed.",
    ),
    Key("repair", FIX, "What to do with the field instead of rejecting the record."),
)

SEQUENCE_RULES = {kind: Thing(f"a sequence rule of kind {kind}", (*_COMMON, *keys)) for kind, keys in KINDS.items()}
_OWN = {key.name for key in _COMMON} - {"where", "repair", "history"}


def read_sequence(
    node: Node, path: str, fields: Mapping[str, Field], scope: Scope, reading: Reading
) -> tuple[SequenceRule, ...]:
    """The sequence rules, in the order of the file."""
    rules = MapOf[Node](Raw(), NAME).read(node, path, reading) or {}
    found = (_rule(name, one, f"{path}.{name}", fields, scope, reading) for name, one in rules.items())
    return tuple(rule for rule in found if rule is not None)


def _rule(
    name: str, node: Node, path: str, fields: Mapping[str, Field], scope: Scope, reading: Reading
) -> SequenceRule | None:
    thing = _thing(node, path, reading)
    values = thing.read(node, path, reading) if thing else None
    if values is None or "kind" not in values:
        return None
    one = fields.get(values.get("field", ""))
    options = {key: value for key, value in values.items() if key not in _OWN}
    for part in ("start", "allowed", "repair", "where"):
        if part in options:
            options[part] = _option(part, options[part], f"{path}.{part}", one, scope, reading)
    if values["kind"] in ("jump", "change", "spike", "count"):
        options["limits"] = Limits(max=options.pop("max", None), below=options.pop("below", None))
    return SequenceRule(
        name,
        values["kind"],
        options,
        values.get("key", ()),
        values.get("severity", "warn" if values["kind"] in FINDINGS else "reject"),
        values.get("description"),
        reading.places[path].line,
    )


def _thing(node: Node, path: str, reading: Reading) -> Thing | None:
    """The table for the kind that the node names; without a good kind nothing can be said of its other keys."""
    kind = node.entries.get("kind") if isinstance(node, Map) else None
    if isinstance(kind, Text) and kind.value in KINDS:
        return SEQUENCE_RULES[kind.value]
    if isinstance(kind, Text):
        what = f"There is no kind of sequence rule `{kind.value}`."
        reading.problems.add("bad-value", what, did_you_mean(kind.value, KINDS), kind.where, f"{path}.kind")
    else:
        only_kind = Map({"kind": kind}, {}, node.where) if kind else Map({}, {}, node.where)
        Thing("a sequence rule", _COMMON).read(only_kind if isinstance(node, Map) else node, path, reading)
    return None


def _option(part: str, value: Any, path: str, one: Field | None, scope: Scope, reading: Reading) -> object:
    """A key whose meaning depends on the rule's field."""

    def literal(node: Node | None, at: str) -> Literal_:
        kind = one or Field("", "string")
        if node is None or not kind.type:
            return None
        options = {"precision": kind.precision, "scale": kind.scale, "zone": kind.zone}
        parse = Scalar("a value", lambda text: scalars.literal(text, kind.type, **options))  # type: ignore[arg-type]
        return parse.read(node, at, reading)

    if part == "where":
        return expression(value, path, scope, reading)
    if part == "repair":
        return read_fix(value, path, literal, reading)
    if part == "start":
        return tuple(literal(state, f"{path}[{index}]") for index, state in enumerate(value))
    return {
        str(state): tuple(literal(after, f"{path}.{state}[{index}]") for index, after in enumerate(afters))
        for state, afters in value.items()
    }
