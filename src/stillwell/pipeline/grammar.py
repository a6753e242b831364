"""The keys of pipeline.yml, as tables: reading, nearest names and the JSON Schema all come from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stillwell.contract import scalars
from stillwell.contract.grammar import DURATION, NAME, WHOLE
from stillwell.contract.read import Broken, List, Map, Node
from stillwell.contract.scalars import Unreadable
from stillwell.contract.shapes import TEXT, Key, ListOf, MapOf, PlugInShape, Reading, Scalar, Thing, matching
from stillwell.errors import nearest
from stillwell.pipeline.model import Alert, ContractChoice, Lookup, Part


@dataclass(frozen=True)
class PartShape:
    """A plug-in, `NAME` or `{NAME: {options}}`; `side` is what it is used as: Source, Sink, Engine, or anything."""

    side: str = ""

    def read(self, node: Node, path: str, reading: Reading) -> Part | None:
        """The plug-in with its place and its nodes, so that problems of an option can be shown where it stands."""
        if isinstance(node, Map) and any(isinstance(one, Broken) for one in node.entries.values()):
            return None
        plug_in = PlugInShape().read(node, path, reading)
        if plug_in is None:
            return None
        at = node.keys[plug_in.name] if isinstance(node, Map) else node.where
        options = node.entries[plug_in.name] if isinstance(node, Map) else None
        return Part(plug_in.name, plug_in.options, f"{path}.{plug_in.name}", at, options)

    def schema(self) -> dict[str, Any]:
        """A reference to all plug-ins of this side."""
        return {"$ref": f"#/$defs/{self.side.lower()}"} if self.side else PlugInShape().schema()


@dataclass(frozen=True)
class OneOrMore:
    """A plug-in, or a list of plug-ins."""

    part: PartShape

    def read(self, node: Node, path: str, reading: Reading) -> tuple[Part, ...] | None:
        """Always a tuple; an empty list is refused."""
        if isinstance(node, List):
            if not node.items:
                reading.problems.add("bad-value", "The list is empty.", "Name at least one sink.", node.where, path)
            return ListOf(self.part).read(node, path, reading)
        one = self.part.read(node, path, reading)
        return None if one is None else (one,)

    def schema(self) -> dict[str, Any]:
        """Either form."""
        one = self.part.schema()
        return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


@dataclass(frozen=True)
class Beside:
    """A plug-in with keys beside its name, joined by `made`: `{postgres: {…}, refresh: 1h}`."""

    keys: Thing
    made: Callable[..., Any]

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """What `made` gives for the plug-in and the keys."""
        values: dict[str, Any] | None = {}
        if isinstance(node, Map):
            known = [key.name for key in self.keys.keys]
            others = [name for name in node.entries if name not in known]
            # Of several names one is the plug-in, and the others are keys if they nearly say so.
            rest = [name for name in others if len(others) == 1 or not nearest(name, known)]
            values = self.keys.read(_only(node, [name for name in node.entries if name not in rest]), path, reading)
            node = _only(node, rest)
        part = PartShape().read(node, path, reading)
        return None if part is None or values is None else self.made(part, **values)

    def schema(self) -> dict[str, Any]:
        """One plug-in and any of the keys."""
        thing = {**self.keys.schema(), "additionalProperties": {"type": "object"}}
        return {"anyOf": [{"type": "string"}, thing]}


@dataclass(frozen=True)
class ContractShape:
    """A path, `path#table`, or one contract of several, chosen for each record."""

    def read(self, node: Node, path: str, reading: Reading) -> str | ContractChoice | None:
        """A path as it stands, or the choice."""
        if not isinstance(node, Map):
            return _TEXT.read(node, path, reading)
        values = _CHOICE.read(node, path, reading)
        if values is None or {"by", "when"} - values.keys():
            return None
        return ContractChoice(values["by"], values["when"], values.get("else", "reject"))

    def schema(self) -> dict[str, Any]:
        """Either form."""
        return {"anyOf": [{"type": "string"}, _CHOICE.schema()]}


def _only(node: Map, names: Sequence[str]) -> Map:
    return Map({name: node.entries[name] for name in names}, node.keys, node.where)


def _positive(shape: Scalar[Any], nothing: object) -> Scalar[Any]:
    """The same scalar, but more than nothing."""

    def parse(text: str) -> Any:
        value = shape.parse(text)
        if value == nothing:
            raise Unreadable(f"`{text}` is nothing.", "Write more than that.")
        return value

    return Scalar(shape.name, parse, {**shape.json, **({"minimum": 1} if "minimum" in shape.json else {})})


# Texts as they are: `str` would forget which of them were filled in.
_TEXT = Scalar("a text", lambda text: text, {"type": "string"})
_COUNT = _positive(WHOLE, 0)
_WAIT = _positive(DURATION, dt.timedelta(0))
_SIZE = _positive(Scalar("a size", scalars.size, {"type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB|TiB)$"}), 0)

_CHOICE = Thing(
    "a choice of contracts",
    (
        Key("by", TEXT, "What chooses: a field, or a part of the envelope such as `$header.type`.", required=True),
        Key("when", MapOf(TEXT), "The contract for each value.", required=True),
        Key("else", TEXT, "The contract for all others, or `reject`."),
    ),
)
_EPOCH = Thing(
    "an epoch",
    (
        Key("records", _COUNT, "An epoch closes at so many records,"),
        Key("bytes", _SIZE, "or at so many bytes,"),
        Key("wait", _WAIT, "or after so long, whichever comes first."),
    ),
)
_LIMITS = Thing(
    "a map of limits",
    (
        Key("keys", _COUNT, "How many keys are held in state; 1000000."),
        Key("memory", _SIZE, "How much memory the kernel may take; 1GiB."),
        Key("patience", DURATION, "How long a sink that fails is tried again; 30s."),
    ),
)
_MONITOR = Thing(
    "a monitor",
    (
        Key("store", PartShape(), "Where history is kept."),
        Key("reference", PartShape(), "What drift compares with."),
    ),
)
_WHEN = Thing(
    "a condition",
    (
        Key("severity", ListOf(TEXT, lone=True), "Of these severities only."),
        Key("owner", ListOf(TEXT, lone=True), "Of contracts of these owners only."),
        Key("rule", ListOf(TEXT, lone=True), "Of these rules only."),
    ),
)
_LOOKUP = Beside(Thing("a lookup", (Key("refresh", _WAIT, "How often it is read anew; 1h."),)), Lookup)
_ALERT = Beside(Thing("an alert", (Key("when", _WHEN, "Of what it tells; of everything."),)), Alert)

PIPELINE = Thing(
    "a pipeline",
    (
        Key(
            "pipeline",
            matching("a name like `sensors`", "[A-Za-z0-9][A-Za-z0-9_-]*"),
            "Its name, under which sinks keep its marks: renamed, it starts anew.",
            required=True,
        ),
        Key("env", _TEXT, "A file of `NAME=value` lines for references such as `${NAME}`; the environment wins."),
        Key("contract", ContractShape(), "The file of the contract that judges its records.", required=True),
        Key("source", PartShape("Source"), "Where records come from.", required=True),
        Key("accepted", OneOrMore(PartShape("Sink")), "Where good records go; the ledger lives there.", required=True),
        Key("quarantine", OneOrMore(PartShape("Sink")), "Where all others go, verbatim, with reasons.", required=True),
        Key("metrics", OneOrMore(PartShape("Sink")), "Where counts by key and hour go."),
        Key("engine", PartShape("Engine"), "What the kernel runs on; embedded."),
        Key("state", _TEXT, "The folder of its state; `.stillwell/NAME` beside this file."),
        Key("epoch", _EPOCH, "How much is judged and written together."),
        Key("limits", _LIMITS, "The bounds of what it takes."),
        Key("lookups", MapOf(_LOOKUP, NAME), "Where the tables of the contract are."),
        Key("monitor", _MONITOR, "Where history is kept, and what drift compares with."),
        Key("alerts", MapOf(_ALERT, NAME), "Who is told, by names under which they can be silenced."),
    ),
)
