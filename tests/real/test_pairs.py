"""Dirty and clean copies: a contract written by hand finds the wrong cells, and hardly any other."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.real.datasets import PAIRS, flagged, on_the_page, precision_and_recall, records, wrong

FLOORS = {"hospital": (0.99, 0.99), "beers": (0.99, 0.99), "rayyan": (0.98, 0.95)}
"""The least precision and recall, slightly below what is reached."""


@pytest.fixture(scope="module", params=PAIRS)
def name(request, paths):
    paths(request.param)
    return request.param


def test_every_record_has_one_verdict(name, paths, verdict_on):
    found, dirty = verdict_on(name), records(*paths(name))
    assert found.read == len(dirty)
    assert found.conserved
    assert on_the_page(name, found)
    assert sorted(found.offsets()) == list(range(len(dirty)))


def test_flagged_cells_are_the_wrong_ones(name, data, verdict_on):
    precision, recall = precision_and_recall(flagged(verdict_on(name)), wrong(name, data))
    least = FLOORS[name]
    assert precision >= least[0]
    assert recall >= least[1]


def cells_of(dirty, said):
    """The cells of which a function of column and text says that they are bad."""
    return {(row, column) for row, record in enumerate(dirty) for column, text in record.items() if said(column, text)}


def test_hospital_every_cell_with_a_letter_that_could_not_be_read_is_flagged(paths, verdict_on):
    dirty = records(*paths("hospital"))
    assert flagged(verdict_on("hospital")) == cells_of(dirty, lambda _, text: "x" in text.replace("po box ", ""))


def test_beers_units_in_numbers_unknown_words_and_states_in_cities_are_flagged(paths, verdict_on):
    dirty = records(*paths("beers"))
    assert verdict_on("beers").tally.failures() == {
        "ounces.type": sum("o" in record["ounces"].lower() for record in dirty),
        "abv.type": sum("%" in record["abv"] for record in dirty),
        "ibu.type": sum(record["ibu"] == "N/A" for record in dirty),
        "city.pattern": sum(record["city"][-3:-2] == " " and record["city"][-2:].isupper() for record in dirty),
        "state.required": sum(not record["state"] for record in dirty),
    }


def test_rayyan_broken_letters_and_absent_numbers_are_flagged(paths, verdict_on):
    dirty, failures = records(*paths("rayyan")), verdict_on("rayyan").tally.failures()
    letters = Counter(f"{column}.pattern" for _, column in cells_of(dirty, lambda _, text: not text.isascii()))
    absent = Counter(
        f"{column}.required"
        for _, column in cells_of(
            dirty, lambda column, text: column in ("article_jvolumn", "article_jissue", "article_title") and not text
        )
    )
    others = {rule: failures[rule] for rule in ("article_jcreated_at.pattern", "journal_issn.warn.pattern")}
    assert failures == letters | absent | others


def test_rayyan_a_date_is_good_only_where_it_can_be_read_in_one_way(paths, verdict_on):
    def other_reading(column, text):
        if column != "article_jcreated_at" or not text:
            return False
        _, day, year = map(int, text.split("/"))
        return 1 <= year <= 31 and day <= 12

    dirty, found = records(*paths("rayyan")), flagged(verdict_on("rayyan"))
    assert {cell for cell in found if cell[1] == "article_jcreated_at"} == cells_of(dirty, other_reading)
