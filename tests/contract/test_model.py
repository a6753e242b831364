"""The model shows its values as a person would write them, and knows where things stand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from stillwell.contract.model import Contract, Field, Limits, Now, show
from stillwell.errors import Where


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(min=-40.0, max=85.0), "-40 … 85"),
        (Limits(above=0), "> 0"),
        (Limits(min=1, below=2.5), "≥ 1 and < 2.5"),
        (Limits(max=Now(dt.timedelta(minutes=1))), "≤ now + 1m"),
        (Limits(min=Now(-dt.timedelta(hours=25))), "≥ now - 1d1h"),
        (Limits(max=Now()), "≤ now"),
        (Limits(max=dt.timedelta(seconds=90)), "≤ 1m30s"),
    ],
)
def test_a_range_in_words(limits: Limits, words: str) -> None:
    assert limits.describe() == words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e300, "1e+300"),
        (Decimal("1.50"), "1.50"),
        (Decimal("2.2E+2"), "220"),
        (dt.datetime(2024, 1, 31, 8, tzinfo=dt.UTC), "2024-01-31T08:00:00Z"),
        (dt.time(8, 30), "08:30:00"),
        ("x", "x"),
    ],
)
def test_a_value_as_a_person_writes_it(value: object, shown: str) -> None:
    assert show(value) == shown


def test_the_place_of_a_thing_is_its_own_or_that_of_what_is_around_it() -> None:
    places = {"fields.a": Where("f", 3, 3), "fields.a.allowed": Where("f", 3, 9)}
    contract = Contract("c", "1.0.0", (Field("a", "string"),), file="f", places=places)
    assert contract.where("fields.a.allowed[2]") == Where("f", 3, 9)
    assert contract.where("fields.a.min") == Where("f", 3, 3)
    assert contract.where("rules.r") == Where("f")


def test_a_field_is_found_by_its_name() -> None:
    contract = Contract("c", "1.0.0", (Field("a", "string"),))
    assert contract.field("a").type == "string"
    with pytest.raises(KeyError):
        contract.field("b")
