"""The shapes that only pipelines have: each reads what it says to editors that it reads."""

from __future__ import annotations

import pytest

from stillwell.contract.read import Problems, read
from stillwell.contract.shapes import TEXT, Key, Reading, Thing
from stillwell.pipeline.grammar import PIPELINE, Beside, ContractShape, OneOrMore, PartShape
from stillwell.pipeline.model import ContractChoice


def shaped(shape, text: str):
    reading = Reading()
    node = read(f"a: {text}\n", "p.yml", Problems())
    return shape.read(node.entries["a"], "a", reading), [(one.code, one.path) for one in reading.problems]


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("memory", "memory", {}),
        ("{memory: {}}", "memory", {}),
        ("{csv: {header: [a, b], deep: {x: '1'}}}", "csv", {"header": ("a", "b"), "deep": {"x": "1"}}),
    ],
)
def test_a_plug_in_is_a_name_or_a_name_with_options(text, name, options) -> None:
    part, problems = shaped(PartShape("Sink"), text)
    assert not problems
    assert (part.name, part.options, part.path) == (name, options, f"a.{name}")


@pytest.mark.parametrize("text", ["[memory]", "{}", "{a: {}, b: {}}", "{a: b}"])
def test_anything_else_is_no_plug_in(text) -> None:
    assert shaped(PartShape(), text) == (None, [("wrong-type", "a")])


def test_one_plug_in_or_a_list_of_them_are_a_tuple() -> None:
    shape = OneOrMore(PartShape("Sink"))
    assert [part.path for part in shaped(shape, "{memory: {name: x}}")[0]] == ["a.memory"]
    assert [part.path for part in shaped(shape, "[memory, {delta: {path: y}}]")[0]] == ["a[0].memory", "a[1].delta"]
    assert shaped(shape, "[]")[1] == [("bad-value", "a")]
    assert shape.schema()["anyOf"][0] == {"$ref": "#/$defs/sink"}


def test_keys_beside_a_plug_in_go_with_it() -> None:
    shape = Beside(
        Thing("a lookup", (Key("refresh", TEXT, "How often."),)), lambda part, refresh="never": (part.name, refresh)
    )
    assert shaped(shape, "{files: {path: a}, refresh: 1h}") == (("files", "1h"), [])
    assert shaped(shape, "files") == (("files", "never"), [])
    assert shaped(shape, "{files: {path: a}, refrsh: 1h}")[1] == [("unknown-key", "a.refrsh")]
    assert shaped(shape, "{refresh: 1h}") == (None, [("wrong-type", "a")])


def test_a_contract_is_a_path_or_a_choice() -> None:
    assert shaped(ContractShape(), "c.yml#t") == ("c.yml#t", [])
    choice, problems = shaped(ContractShape(), "{by: kind, when: {x: x.yml}}")
    assert not problems
    assert choice == ContractChoice("kind", {"x": "x.yml"}, "reject")
    assert shaped(ContractShape(), "{by: kind}")[1] == [("missing-key", "a")]


def test_every_key_says_what_it_means() -> None:
    assert all(key.doc.endswith((".", ",")) for key in PIPELINE.keys)
