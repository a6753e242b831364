"""A suggestion as a text for people."""

import re

import pyarrow as pa
import pytest

from stillwell.contract.read import Problems, read
from stillwell.suggest import suggest

TABLE = pa.table(
    {
        "id": [str(number) for number in range(60)],
        "PM2.5": ["12.5", "N/A", "7.25"] * 20,
        "zip": ["z1", "z2", "z3"] * 20,
        "city": ["oslo", "bergen", "oslo"] * 20,
        "no": ["a\x85b", "'", "", "q"] * 15,
    }
)


@pytest.fixture(scope="module")
def suggestion():
    return suggest(TABLE, name="Air of Oslo")


def test_the_text_is_a_contract(suggestion):
    contract = suggestion.contract
    assert (contract.name, contract.identity, contract.missing) == ("air-of-oslo", ("id",), ("",))
    assert [field.name for field in contract.fields] == ["id", "PM2_5", "zip", "city", "no"]
    assert contract.field("PM2_5").paths[0].steps == ("PM2.5",)
    assert contract.field("PM2_5").missing == ("", "N/A")
    assert [rule.name for rule in contract.rules] == ["city_by_zip"]


def test_every_rule_has_its_evidence_and_the_text_says_it(suggestion):
    said = re.sub(r"\s*# |\s+", " ", suggestion.text)
    for one in suggestion.evidence:
        assert 0 <= one.confidence <= 1
        assert f"{one.confidence:.2f}: {one.says}" in said, one
    rules = [one.rule for one in suggestion.evidence]
    assert len(rules) == len(set(rules))
    assert {"identity", "id.type", "id.required", "PM2_5.missing", "zip.allowed", "city.allowed", "city_by_zip"} <= set(
        rules
    )


def test_comments_stand_above_what_they_are_about_and_lines_are_short(suggestion):
    lines = suggestion.text.splitlines()
    at = lines.index("    type: integer")
    assert lines[at - 1].lstrip().startswith("# type ")
    assert max(map(len, lines)) <= 120


def test_the_text_has_nothing_that_the_format_refuses(suggestion):
    problems = Problems()
    read(suggestion.text, "", problems)
    assert not len(problems)


def test_long_lists_of_cases_stand_last():
    table = pa.table(
        {
            "zip": [f"z{number % 30}x" for number in range(300)],
            "city": [f"c{chr(97 + number % 30 % 15) * 3}" for number in range(300)],
            "kind": ["a", "b", "c"] * 100,
            "group": ["k", "l", "k"] * 100,
        }
    )
    sizes = [rule.expect.sql.count("WHEN") for rule in suggest(table, name="a").contract.rules]
    assert sizes == sorted(sizes)
    assert len(sizes) >= 2
