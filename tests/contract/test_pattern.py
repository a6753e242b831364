"""A pattern is in the portable part of RE2, or is refused with the reason."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwell.contract.pattern import pattern
from stillwell.contract.scalars import Unreadable


@pytest.mark.parametrize(
    "text",
    [
        "sensor_[0-9]{3}",
        r"\d+\.\d*",
        "[^a-z]+",
        r"(?i)abc",
        "(?:a|b)*?",
        r"(?P<name>x)",
        r"\p{Lu}+",
        "[[:alpha:]]+",
        r"[+*]\++",
        r"[\]\[(?=]",
        r"a\z",
    ],
)
def test_portable_patterns_are_kept_and_duckdb_reads_them(text: str) -> None:
    assert pattern(text) == text
    duckdb.execute("SELECT regexp_full_match('x', ?)", [text]).fetchall()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(?=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back"),
        ("(?P<n>a)(?P=n)", "back"),
        ("(?>a)", "atomic"),
        ("a++", "possessive"),
        ("a{2}+", "possessive"),
        ("(?#x)a", "comment"),
        ("(?x)a b", "flag"),
        (r"a\Z", "escape"),
        ("(a", "not a regular expression"),
        ("a{1001}", "1000"),
        ("*a", "not a regular expression"),
        ("a\bc", "control character"),
    ],
)
def test_what_re2_has_not_is_refused(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        pattern(text)


@settings(max_examples=200)
@given(st.text(alphabet="ab1(?P<n>=!:)[]{}|*+.^$\\dwsbzZp,-", max_size=14))
def test_no_pattern_that_is_let_through_is_refused_by_duckdb(text: str) -> None:
    try:
        pattern(text)
    except Unreadable:
        return
    duckdb.execute("SELECT regexp_full_match('x', ?)", [text]).fetchall()
