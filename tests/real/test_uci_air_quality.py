"""UCI air quality: -200 is a missing value, however it is written, and dates of one digit are dates."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.real.datasets import on_the_page, records

SENSORS = ("PT08_S1_CO", "PT08_S2_NMHC", "PT08_S3_NOx", "PT08_S4_NO2", "PT08_S5_O3")
MEASURED = ("CO_GT", "NMHC_GT", "C6H6_GT", "NOx_GT", "NO2_GT", *SENSORS, "T", "RH", "AH")


@pytest.fixture(scope="module")
def hours(paths):
    [path] = paths("uci_air_quality")
    return records(path)


@pytest.fixture(scope="module")
def found(verdict_on):
    return verdict_on("uci_air_quality")


def missing(hour, name):
    return float(hour[name]) == -200


def off(hour):
    return missing(hour, "PT08_S1_CO") and missing(hour, "T")


def instant(hour):
    day, month, year = map(int, hour["Date"].split("/"))
    return dt.datetime(year, month, day, int(hour["Time"].split(":")[0]))


def test_every_hour_has_one_verdict(hours, found):
    assert found.read == len(hours) == 9_357
    assert found.conserved
    assert on_the_page("uci_air_quality", found)
    assert sorted(found.offsets()) == list(range(len(hours)))


def test_minus_200_is_a_missing_value_in_every_column(hours, found):
    nulls = found.nulls()
    assert {name: nulls[name] for name in MEASURED} == {
        name: sum(missing(hour, name) for hour in hours) for name in MEASURED
    }
    assert nulls["NMHC_GT"] > 8_000
    assert not any(nulls[name] for name in ("day", "clock", "at"))


def test_no_minus_200_is_left_among_accepted_values(found):
    for name in MEASURED:
        assert -200 not in set(found.accepted[name].to_pylist())


def test_only_hours_in_which_the_device_was_off_are_rejected(hours, found):
    expected = [number for number, hour in enumerate(hours) if off(hour)]
    assert [*found.reasons()] == expected
    assert found.tally.failures() == {"device_on": len(expected)}
    assert len(expected) > 300


def test_days_and_hours_of_one_digit_are_read(hours, found):
    good = [hour for hour in hours if not off(hour)]
    assert any(len(hour["Date"]) < 10 for hour in good)
    assert any(len(hour["Time"]) < 8 for hour in good)
    moments = [instant(hour) for hour in good]
    assert found.accepted["at"].cast("timestamp[us]").to_pylist() == moments
