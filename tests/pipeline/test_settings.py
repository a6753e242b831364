"""Settings of the command line stand where the file would say it, as texts."""

from __future__ import annotations

import pytest

from stillwell.contract.read import Map, Node, Problems, Text, read
from stillwell.contract.shapes import Data, Reading
from stillwell.errors import Where
from stillwell.pipeline.settings import with_settings

FILE = "source: {generator: {rows: 5}}\naccepted: [{delta: {path: a}}, memory]\nengine: embedded\n"


def put(*settings: str) -> tuple[Node, Problems]:
    problems = Problems()
    return with_settings(read(FILE, "p.yml", problems), settings, problems), problems


@pytest.mark.parametrize(
    ("setting", "key", "expected"),
    [
        ("engine=spark", "engine", "spark"),
        ("engine.embedded.threads=2", "engine", {"embedded": {"threads": "2"}}),
        ("source.generator.rows=1000", "source", {"generator": {"rows": "1000"}}),
        ("source.generator.seed=8", "source", {"generator": {"rows": "5", "seed": "8"}}),
        ("accepted[0].delta.path=b=c", "accepted", ({"delta": {"path": "b=c"}}, "memory")),
        ("accepted[1].memory.name=x", "accepted", ({"delta": {"path": "a"}}, {"memory": {"name": "x"}})),
        ("epoch.wait=1s", "epoch", {"wait": "1s"}),
        ("state={a: [b]}", "state", "{a: [b]}"),
    ],
)
def test_a_setting_takes_its_place(setting, key, expected) -> None:
    tree, problems = put(setting)
    assert not len(problems)
    assert isinstance(tree, Map)
    assert Data().read(tree.entries[key], key, Reading()) == expected


def test_the_last_of_two_wins_and_its_place_is_the_command_line() -> None:
    tree, _ = put("state=a", "state=b")
    assert isinstance(tree, Map)
    assert tree.entries["state"] == Text("b", Where("--set state"), plain=False)


@pytest.mark.parametrize(
    "setting", ["", "state", "=x", "state=", "a..b=c", "a b=c", "accepted[2].memory.name=x", "engine[0]=x"]
)
def test_what_is_no_setting_is_refused(setting) -> None:
    _, problems = put(setting)
    [problem] = problems
    assert problem.code == "bad-value"
    assert str(problem.where).startswith("--set")


def test_the_value_of_a_refused_setting_is_not_shown() -> None:
    _, problems = put("pass word=swordfish")
    assert "swordfish" not in str(list(problems))
