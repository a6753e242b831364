"""Shapes read nodes, say what is wrong in one sentence, and tell editors the same."""

from __future__ import annotations

import pytest

from stillwell.contract.model import PlugIn
from stillwell.contract.read import Problems, read
from stillwell.contract.shapes import (
    TEXT,
    Data,
    Key,
    ListOf,
    MapOf,
    PlugInShape,
    Reading,
    Shape,
    Thing,
    choice,
    matching,
)

COLOUR = choice("red", "green")
THING = Thing(
    "a lamp", (Key("colour", COLOUR, "Its colour.", required=True), Key("rooms", ListOf(TEXT, lone=True), "Where."))
)


def outcome(shape: Shape[object], text: str) -> object:
    """What is read, or the code, place and words of the problems."""
    reading = Reading()
    found = shape.read(read(text, "f", Problems()), "x", reading)
    problems = [(one.code, one.where.column, one.what, one.fix) for one in reading.problems]
    return problems or found


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        (TEXT, "NO", "NO"),
        (COLOUR, "red", "red"),
        (ListOf(TEXT), "[a, b]", ("a", "b")),
        (ListOf(TEXT, lone=True), "a", ("a",)),
        (MapOf(COLOUR), "{a: red}", {"a": "red"}),
        (THING, "{colour: red, rooms: hall}", {"colour": "red", "rooms": ("hall",)}),
        (PlugInShape(), "kafka", PlugIn("kafka")),
        (PlugInShape(), "{kafka: {topic: t, hosts: [a]}}", PlugIn("kafka", {"topic": "t", "hosts": ("a",)})),
        (Data(), "{a: [1, {b: c}]}", {"a": ("1", {"b": "c"})}),
    ],
)
def test_what_has_the_shape_is_read(shape: Shape[object], text: str, expected: object) -> None:
    assert outcome(shape, text) == expected


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        (COLOUR, "rad", ("bad-value", 1, "`rad` is not one of red, green.", "Did you mean `red`?")),
        (COLOUR, "[red]", ("wrong-type", 1, "Here stands a list.", "Write one of red, green.")),
        (ListOf(TEXT), "a", ("wrong-type", 1, "Here stands the text `a`.", "Write a list.")),
        (MapOf(TEXT), "a", ("wrong-type", 1, "Here stands the text `a`.", "Write a map.")),
        (
            MapOf(TEXT, matching("a name", "[a-z]+")),
            "{A: b}",
            ("bad-value", 2, "`A` is not a name.", "It must match `[a-z]+`."),
        ),
        (THING, "{colour: red, room: x}", ("unknown-key", 15, "A lamp has no key `room`.", "Did you mean `rooms`?")),
        (THING, "{rooms: x}", ("missing-key", 1, "A lamp needs `colour`.", "Add `colour`: Its colour.")),
        (
            PlugInShape(),
            "{a: {}, b: {}}",
            (
                "wrong-type",
                1,
                "Only one can stand here, not 2: a, b.",
                "Keep one of them; where a list is allowed, write a list.",
            ),
        ),
    ],
)
def test_what_has_not_the_shape_is_said_in_one_sentence(shape: Shape[object], text: str, expected: object) -> None:
    assert outcome(shape, text) == [expected]


def test_a_thing_tells_editors_its_keys() -> None:
    assert THING.schema() == {
        "type": "object",
        "properties": {
            "colour": {"description": "Its colour.", "enum": ["red", "green"]},
            "rooms": {
                "description": "Where.",
                "anyOf": [TEXT.schema(), {"type": "array", "items": TEXT.schema()}],
            },
        },
        "required": ["colour"],
        "additionalProperties": False,
    }
