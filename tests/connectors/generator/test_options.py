"""The generator's keys: what is understood, and what is refused before anything runs."""

import datetime as dt

import pytest
from pydantic import ValidationError

from stillwell.connectors.generator.options import KINDS, GeneratorOptions


def test_defaults_inject_every_kind_into_about_a_tenth_of_the_records():
    faults = GeneratorOptions().faults
    assert set(faults) == set(KINDS)
    assert 0.09 <= sum(faults.values()) <= 0.10


def test_texts_of_a_pipeline_file_are_understood():
    options = GeneratorOptions.model_validate(
        {"rows": "1000", "rate": "2e3", "faults": {"outlier": "2.5%"}, "start": "2026-03-01T01:00:00+01:00"}
    )
    assert (options.rows, options.rate, dict(options.faults)) == (1000, 2000.0, {"outlier": 0.025})
    assert options.start == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_a_start_without_offset_is_utc():
    assert GeneratorOptions.model_validate({"start": "2026-03-01T00:00:00"}).start.tzinfo == dt.UTC


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"row": 5}, "row"),
        ({"faults": {"outliers": 0.1}}, "outliers"),
        ({"faults": {"null": "110%"}}, "less than or equal to 1"),
        ({"faults": {"null": 0.6, "missing": 0.6}}, "add up to 120%"),
        ({"faults": {"gap": 0.06}}, "gap can be 5% at most"),
        ({"sensors": 3, "partitions": 4}, "use fewer partitions"),
        ({"sensors": 1000}, "less than or equal to 999"),
        ({"rate": 2_000_000}, "less than 1 µs"),
        ({"rate": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given, said):
    with pytest.raises(ValidationError, match=said):
        GeneratorOptions.model_validate(given)


def test_the_event_clock_follows_rate_and_speed_else_one_reading_a_minute():
    assert GeneratorOptions(rate=1000, speed=60).step == 60_000_000
    assert GeneratorOptions(sensors=100).step == 600_000_000


@pytest.mark.parametrize(
    ("given", "total"),
    [
        ({}, None),
        ({"seconds": 2}, None),
        ({"rows": 9}, 9),
        ({"rate": 50, "seconds": 2}, 100),
        ({"rate": 50, "seconds": 2, "rows": 99}, 99),
    ],
)
def test_the_number_of_records_is_known_where_it_can_be(given, total):
    assert GeneratorOptions(**given).total == total
