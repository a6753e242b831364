"""Texts as YAML."""

import pytest

from stillwell.contract.read import List, Problems, Text, read
from stillwell.suggest.yaml import inline, listed, scalar

TEXTS = [
    "a",
    "it's",
    "a: b",
    "# x",
    "[a",
    "{b}",
    "null",
    "~",
    "",
    " a ",
    "-",
    "a,b",
    "\n",
    "\x85",
    "no",
    "é",
    '"',
    "%",
    "- a",
    "1.10",
    "*a",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_again_as_it_was(text):
    problems = Problems()
    found = read(f"a: {scalar(text)}\nb: {inline([text, 'x'])}\n", "", problems)
    assert not len(problems)
    assert found.entries["a"].value == text
    assert [item.value for item in found.entries["b"].items] == [text, "x"]


def test_a_long_list_takes_several_lines_and_stays_the_same():
    items = [f"item {number}, with a comma" for number in range(40)]
    text = listed(items, "    ")
    assert max(map(len, text.splitlines())) <= 112
    found = read(f"a:\n    b: {text}\n", "", Problems()).entries["a"].entries["b"]
    assert isinstance(found, List)
    assert [item.value for item in found.items if isinstance(item, Text)] == items
