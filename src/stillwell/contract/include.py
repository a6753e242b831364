"""Takes the `types` and `lookups` of other local files into a contract, which then stands for itself."""

from __future__ import annotations

from pathlib import Path

from stillwell.contract.read import Map, Node, Text, read, read_text
from stillwell.contract.shapes import TEXT, Data, Key, ListOf, Reading, Thing
from stillwell.errors import ContractError

SHARED = ("types", "lookups")
_INCLUDED = Thing(
    "an included file",
    (
        Key("types", Data(), "Named templates of fields."),
        Key("lookups", Data(), "Small tables to compare with."),
        Key("include", ListOf(TEXT), "Further files."),
    ),
)


def included(node: Map, file: str, reading: Reading) -> Map:
    """The map with everything its `include` brings, and without that key."""
    return _with_includes(node, file, reading, (Path(file).absolute(),))


def _with_includes(node: Map, file: str, reading: Reading, chain: tuple[Path, ...]) -> Map:
    entries = {name: value for name, value in node.entries.items() if name != "include"}
    keys = dict(node.keys)
    wanted = node.entries.get("include")
    names = ListOf(_Place()).read(wanted, "include", reading) if wanted is not None else ()
    for place in names or ():
        other = _open(place, Path(file).parent / place.value, reading, chain)
        if other is None:
            continue
        for key in SHARED:
            if key in other.entries:
                entries[key] = _joined(entries.get(key), other.entries[key], key, reading)
                keys.setdefault(key, other.keys[key])
    return Map(entries, keys, node.where)


class _Place:
    """A path of another file, with the place where it is written."""

    def read(self, node: Node, path: str, reading: Reading) -> Text | None:
        return node if TEXT.read(node, path, reading) is not None and isinstance(node, Text) else None

    def schema(self) -> dict[str, object]:
        return {"type": "string"}


def _open(place: Text, path: Path, reading: Reading, chain: tuple[Path, ...]) -> Map | None:
    if path.resolve() in {one.resolve() for one in chain}:
        what = f"`{place.value}` includes itself, directly or through others."
        reading.problems.add("bad-value", what, "Break the circle.", place.where, "include")
        return None
    try:
        text = read_text(path, ContractError)
    except ContractError as error:
        for problem in error.problems:
            reading.problems.add(problem.code, problem.what, problem.fix, place.where, "include")
        return None
    node = read(text, str(path), reading.problems)
    if _INCLUDED.read(node, "", Reading(reading.problems)) is None or not isinstance(node, Map):
        return None
    return _with_includes(node, str(path), reading, (*chain, path))


def _joined(own: Node | None, other: Node, key: str, reading: Reading) -> Node:
    if not isinstance(own, Map) or not isinstance(other, Map):
        return other if own is None else own
    for name in own.entries:
        if name in other.entries and own.entries[name] != other.entries[name]:
            what = f"`{name}` is also in {other.keys[name]}."
            reading.problems.add("duplicate-key", what, "Rename one.", own.keys[name], f"{key}.{name}")
    return Map({**other.entries, **own.entries}, {**other.keys, **own.keys}, own.where)
