"""Errors: one shape for people and for machines, problems sorted by place, and the nearest name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from stillwell.errors import ContractError, Problem, StillwellError, Where, did_you_mean, fail, nearest

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "error.schema.json").read_text())
FULL = Problem("unknown-key", "There is no key `mn`.", "Did you mean `min`?", Where("c.yml", 4, 7), "fields.t.mn")


def test_a_person_reads_what_where_and_what_to_do():
    assert str(FULL) == ("error[unknown-key] c.yml:4:7  fields.t.mn\n  There is no key `mn`.\n  → Did you mean `min`?")
    assert str(Problem("usage", "No.", "Yes.")) == "error[usage]\n  No.\n  → Yes."


@pytest.mark.parametrize(
    ("where", "text"),
    [(Where(), ""), (Where("a.yml"), "a.yml"), (Where("a.yml", 3), "a.yml:3"), (Where("--set a.b"), "--set a.b")],
)
def test_a_place_shows_what_is_known_of_it(where, text):
    assert str(where) == text


def test_a_machine_reads_the_same_parts():
    for problem in (FULL, Problem("usage", "No.", "Yes.")):
        Draft202012Validator(SCHEMA).validate(problem.as_dict())
    plain = FULL.as_dict()
    assert (plain["code"], plain["file"], plain["line"], plain["column"]) == ("unknown-key", "c.yml", 4, 7)


def test_all_problems_of_a_file_come_at_once_from_top_to_bottom():
    below = Problem("b", "B.", "b", Where("c.yml", 10, 1))
    above = Problem("a", "A.", "a", Where("c.yml", 9, 5))
    error = ContractError(iter([below, above, FULL]))
    assert error.problems == (FULL, above, below)
    assert str(error) == "\n".join(map(str, (FULL, above, below)))


def test_one_problem_needs_no_list():
    error = fail(ContractError, "no-file", "It is gone.", "Look.", where=Where("a"), path="source")
    assert isinstance(error, ContractError)
    assert isinstance(error, StillwellError)
    assert error.problems == (Problem("no-file", "It is gone.", "Look.", Where("a"), "source"),)


def test_the_nearest_name_is_offered_and_else_all_that_are_known():
    assert nearest("tempertaure", ["humidity", "temperature"]) == "temperature"
    assert nearest("x", ["humidity", "temperature"]) is None
    assert did_you_mean("detla", {"delta", "jsonl"}) == "Did you mean `delta`?"
    assert did_you_mean("x", {"jsonl", "delta"}) == "Known: delta, jsonl."
