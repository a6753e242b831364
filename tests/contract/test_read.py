"""YAML becomes texts with places; what YAML would misread is refused, each time with a way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.read import Broken, List, Map, Problems, Text, read, read_text
from stillwell.errors import ContractError, Where


def tree(text: str) -> Map:
    problems = Problems()
    node = read(text, "f.yml", problems)
    assert not list(problems)
    assert isinstance(node, Map)
    return node


def problems(text: str) -> list[tuple[str, int, int, str]]:
    found = Problems()
    read(text, "f.yml", found)
    return [(one.code, one.where.line, one.where.column, one.path) for one in found]


@pytest.mark.parametrize("word", ["NO", "on", "1.10", "08:30", "01234", "1e3", "2024-01-01", "0x1F", "true", "null!"])
def test_every_scalar_is_text_as_written(word: str) -> None:
    assert tree(f"a: {word}").entries["a"] == Text(word, Where("f.yml", 1, 4))


def test_places_are_those_of_keys_and_values() -> None:
    node = tree("a: 1\nb:\n  - x\n  - {c: 'y'}\n")
    assert node.keys["b"] == Where("f.yml", 2, 1)
    items = node.entries["b"]
    assert isinstance(items, List)
    assert items.items[0].where == Where("f.yml", 3, 5)
    inner = items.items[1]
    assert isinstance(inner, Map)
    assert inner.entries["c"] == Text("y", Where("f.yml", 4, 9), plain=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {type: decimal(10,2)}", ("quoting", 1, 11, "a.type")),
        ("a: {expect: s in ('a', 'b')}", ("quoting", 1, 13, "a.expect")),
        ("a: {expect: s in (a, b), where: x}", ("quoting", 1, 13, "a.expect")),
        ("a: {from: geo[0]}", ("quoting", 1, 11, "a.from")),
        ("a: {brokers: ${BROKERS}, topic: t}", ("quoting", 1, 14, "a.brokers")),
        ("a: {unit: x, y}", ("quoting", 1, 11, "a")),
        ('a:\n  b: "\\d+"', ("quoting", 2, 7, "a.b")),
        ("a: {unit: %}", ("quoting", 1, 11, "a.unit")),
        ("a: {b: x #y}\nc: 2", ("quoting", 1, 10, "a")),
        ("a: b: c", ("quoting", 1, 5, "")),
        ("a: {b: 1\nc: 2", ("yaml", 1, 4, "a")),
        ("a: [1, 2\nc: 2", ("yaml", 1, 4, "a")),
        ("a: &x b", ("yaml", 1, 4, "a")),
        ("a: *x", ("yaml", 1, 4, "a")),
        ("<<: {a: 1}", ("yaml", 1, 1, "<<")),
        ("a: !int 1", ("yaml", 1, 4, "a")),
        ("a: !!str 1", ("yaml", 1, 4, "a")),
        ("a: 1\n---\nb: 2", ("yaml", 2, 1, "")),
        ("\ta: 1", ("yaml", 1, 1, "")),
        ("a: \x07", ("yaml", 1, 4, "")),
        ("? [a]\n: b", ("yaml", 1, 3, "")),
        ("[" * 70, ("yaml", 1, 65, "[0]" * 64)),
        ("a:\nb: 1", ("empty-value", 1, 3, "a")),
        ("a: ~", ("empty-value", 1, 4, "a")),
        ("a: {b: null}", ("empty-value", 1, 8, "a.b")),
        ("a: [1, ~]", ("empty-value", 1, 8, "a[1]")),
        ("a: {b c}", ("empty-value", 1, 8, "a.b c")),
        ("a: 1\nb: 2\na: 3", ("duplicate-key", 3, 1, "a")),
        ("a: {b: 1, b: 2}", ("duplicate-key", 1, 11, "a.b")),
        ("", ("missing-key", 1, 1, "")),
    ],
)
def test_what_yaml_misreads_is_refused_where_it_stands(text: str, expected: tuple[str, int, int, str]) -> None:
    assert problems(text) == [expected]


def test_a_refused_text_says_what_was_cut_and_what_to_do() -> None:
    found = Problems()
    read("a: {expect: status in ('a', 'b')}", "f.yml", found)
    [problem] = found
    assert problem.what == "The comma ended the text here: `status in ('a'`."
    assert "double quotes" in problem.fix


@pytest.mark.parametrize("text", ["a: 'null'", 'a: ""', "a: '~'", "a: '<<'", "a: '*x'", "a: ' # '", "a: 'f(x,y'"])
def test_quotes_make_any_text_a_text(text: str) -> None:
    assert isinstance(tree(text).entries["a"], Text)


def test_reading_goes_on_after_a_problem() -> None:
    assert [code for code, *_ in problems("a: ~\nb: &x 1\na: 2\nc: {d: f(1,2)}")] == [
        "empty-value",
        "yaml",
        "duplicate-key",
        "quoting",
    ]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_crashes(text: str) -> None:
    found = Problems()
    node = read(text, "f.yml", found)
    assert found or not isinstance(node, Broken)


@given(st.text(alphabet="ab:{}[],()'\"#&*!?|>-~% \n\t\\", max_size=40))
def test_any_yaml_signs_are_read_or_refused_and_never_crash(text: str) -> None:
    found = Problems()
    node = read(text, "f.yml", found)
    assert found or not isinstance(node, Broken)


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(ContractError) as caught:
        read_text(tmp_path / "nothing.yml", ContractError)
    assert caught.value.problems[0].code == "unreadable"
    (tmp_path / "latin.yml").write_bytes(b"a: \xe9")
    with pytest.raises(ContractError, match="not UTF-8"):
        read_text(tmp_path / "latin.yml", ContractError)
