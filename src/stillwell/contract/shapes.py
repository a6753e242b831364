"""The shapes a key's value can have: each reads nodes, and tells editors (as JSON Schema) what it would read.

A file's grammar is tables of `Key`; reading, the nearest name of an unknown key and the JSON Schema all come from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from stillwell.contract.model import PlugIn
from stillwell.contract.read import Broken, List, Map, Node, Problems, Text
from stillwell.contract.scalars import Unreadable
from stillwell.errors import Where, did_you_mean

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

ANY_TEXT: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class Reading:
    """What reading one file gathers: its problems, and where the thing at each path stands."""

    problems: Problems = field(default_factory=Problems)
    places: dict[str, Where] = field(default_factory=dict)

    def refuse(self, error: Unreadable, where: Where, path: str) -> None:
        """Note a text that could not be read."""
        self.problems.add(error.code, error.what, error.fix, where, path)


class Shape(Protocol[T_co]):
    """What a value looks like; `read` gives None for what was broken and is reported."""

    def read(self, node: Node, path: str, reading: Reading, /) -> T_co | None: ...

    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Scalar(Generic[T]):
    """One text, read by `parse`, which raises Unreadable; `name` is what it is called in a sentence."""

    name: str
    parse: Callable[[str], T]
    json: Mapping[str, Any] = field(default_factory=lambda: ANY_TEXT)

    def read(self, node: Node, path: str, reading: Reading) -> T | None:
        if not isinstance(node, Text):
            _wrong_type(node, path, reading, self.name)
            return None
        try:
            return self.parse(node.value)
        except Unreadable as error:
            reading.refuse(error, node.where, path)
            return None

    def schema(self) -> dict[str, Any]:
        return dict(self.json)


def choice(*options: str) -> Scalar[str]:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in options:
            raise Unreadable(f"`{text}` is not one of {', '.join(options)}.", did_you_mean(text, options))
        return text

    return Scalar(f"one of {', '.join(options)}", parse, {"enum": list(options)})


def matching(what: str, pattern: str) -> Scalar[str]:
    """A text of the given form; `what` says in words what it must be."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Unreadable(f"`{text}` is not {what}.", f"It must match `{pattern}`.")
        return text

    return Scalar(what, parse, {"type": "string", "pattern": f"^(?:{pattern})$"})


TEXT: Scalar[str] = Scalar("a text", str)


@dataclass(frozen=True)
class ListOf(Generic[T]):
    """A list; with `lone`, a single one may stand without its brackets."""

    item: Shape[T]
    lone: bool = False

    def read(self, node: Node, path: str, reading: Reading) -> tuple[T, ...] | None:
        if isinstance(node, List):
            found = [self.item.read(one, f"{path}[{index}]", reading) for index, one in enumerate(node.items)]
            if not node.items and self.lone:
                reading.problems.add("bad-value", "The list is empty.", "Leave the key out.", node.where, path)
            return tuple(one for one in found if one is not None)
        if self.lone and not isinstance(node, Map):
            one = self.item.read(node, path, reading)
            return None if one is None else (one,)
        _wrong_type(node, path, reading, "a list")
        return None

    def schema(self) -> dict[str, Any]:
        many = {"type": "array", "items": self.item.schema()}
        return {"anyOf": [self.item.schema(), many]} if self.lone else many


@dataclass(frozen=True)
class MapOf(Generic[T]):
    """A map from names to one shape, in the order of the file."""

    value: Shape[T]
    key: Scalar[str] = TEXT

    def read(self, node: Node, path: str, reading: Reading) -> dict[str, T] | None:
        if not isinstance(node, Map):
            _wrong_type(node, path, reading, "a map")
            return None
        result: dict[str, T] = {}
        for name, one in node.entries.items():
            at = f"{path}.{name}"
            reading.places[at] = node.keys[name]
            if self.key.read(Text(name, node.keys[name]), at, reading) is not None:
                value = self.value.read(one, at, reading)
                if value is not None:
                    result[name] = value
        return result

    def schema(self) -> dict[str, Any]:
        names = {"propertyNames": self.key.schema()} if "pattern" in self.key.json else {}
        return {"type": "object", "additionalProperties": self.value.schema(), **names}


@dataclass(frozen=True)
class Key:
    """One key of a thing: how its value is read, what it means, and (for fields) for which types it makes sense."""

    name: str
    shape: Shape[Any]
    doc: str
    required: bool = False
    types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Thing:
    """A map with known keys; `name` is what it is called in a sentence (`a field`)."""

    name: str
    keys: Sequence[Key]

    def read(self, node: Node, path: str, reading: Reading) -> dict[str, Any] | None:
        """The values by key, without those that were absent or broken."""
        if not isinstance(node, Map):
            _wrong_type(node, path, reading, f"a map with keys ({', '.join(key.name for key in self.keys[:4])} …)")
            return None
        known = {key.name: key for key in self.keys}
        result: dict[str, Any] = {}
        for name, value in node.entries.items():
            at = f"{path}.{name}" if path else name
            if name not in known:
                what = f"{self.name.capitalize()} has no key `{name}`."
                reading.problems.add("unknown-key", what, did_you_mean(name, known), node.keys[name], at)
                continue
            reading.places[at] = node.keys[name] if isinstance(value, Map) else value.where
            read = known[name].shape.read(value, at, reading)
            if read is not None:
                result[name] = read
        for key in self.keys:
            if key.required and key.name not in node.entries:
                what = f"{self.name.capitalize()} needs `{key.name}`."
                where = reading.places.get(path, node.where)
                reading.problems.add("missing-key", what, f"Add `{key.name}`: {key.doc}", where, path)
        return result

    def schema(self) -> dict[str, Any]:
        required = [key.name for key in self.keys if key.required]
        return {
            "type": "object",
            "properties": {key.name: {"description": key.doc, **key.shape.schema()} for key in self.keys},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class Raw:
    """A node kept as it is, to be read when more is known (a field's type); `json` says what editors may expect."""

    json: Mapping[str, Any] = field(default_factory=lambda: ANY_TEXT)

    def read(self, node: Node, _path: str, _reading: Reading, /) -> Node | None:
        return None if isinstance(node, Broken) else node

    def schema(self) -> dict[str, Any]:
        return dict(self.json)


@dataclass(frozen=True)
class Defined:
    """A node to be read by a shape of that name among the schema's definitions, which may hold itself."""

    name: str

    def read(self, node: Node, _path: str, _reading: Reading, /) -> Node | None:
        return None if isinstance(node, Broken) else node

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.name}"}


@dataclass(frozen=True)
class Data:
    """Anything, kept as plain texts, lists and maps."""

    def read(self, node: Node, _path: str, _reading: Reading, /) -> object:
        return _plain(node)

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True)
class PlugInShape:
    """A plug-in: `NAME`, or `{NAME: {options}}`."""

    def read(self, node: Node, path: str, reading: Reading) -> PlugIn | None:
        if isinstance(node, Text):
            return PlugIn(node.value)
        if isinstance(node, Map) and len(node.entries) == 1:
            [(name, options)] = node.entries.items()
            if isinstance(options, Map):
                return PlugIn(name, {key: _plain(value) for key, value in options.entries.items()})
        if isinstance(node, Map) and len(node.entries) > 1:
            what = f"Only one can stand here, not {len(node.entries)}: {', '.join(node.entries)}."
            reading.problems.add(
                "wrong-type", what, "Keep one of them; where a list is allowed, write a list.", node.where, path
            )
            return None
        _wrong_type(node, path, reading, "`NAME` or `{NAME: {options}}`")
        return None

    def schema(self) -> dict[str, Any]:
        options = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "object"}}
        return {"anyOf": [{"type": "string"}, options]}


def _plain(node: Node) -> object:
    if isinstance(node, Map):
        return {name: _plain(value) for name, value in node.entries.items()}
    if isinstance(node, List):
        return tuple(_plain(item) for item in node.items)
    return node.value if isinstance(node, Text) else ""


def _wrong_type(node: Node, path: str, reading: Reading, expected: str) -> None:
    if isinstance(node, Broken):
        return
    kind = "a map" if isinstance(node, Map) else "a list" if isinstance(node, List) else f"the text `{node.value}`"
    reading.problems.add("wrong-type", f"Here stands {kind}.", f"Write {expected}.", node.where, path)
