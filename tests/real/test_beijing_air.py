"""Beijing: NA is a missing value and nothing else, and fine dust is never more than all dust."""

from __future__ import annotations

import datetime as dt

import pyarrow.parquet as pq
import pytest

from tests.real.datasets import on_the_page, records
from tests.real.moving import moved

COLUMNS = {
    "pm25": "PM2.5", "pm10": "PM10", "so2": "SO2", "no2": "NO2", "co": "CO", "o3": "O3", "temperature": "TEMP",
    "pressure": "PRES", "dew_point": "DEWP", "rain": "RAIN", "wind": "wd", "wind_speed": "WSPM",
}  # fmt: skip
"""The fields that may be missing, and their columns."""


@pytest.fixture(scope="module")
def hours(paths):
    return [record for path in paths("beijing_air") for record in records(path)]


@pytest.fixture(scope="module")
def found(verdict_on):
    return verdict_on("beijing_air")


def more_fine_than_all(hour):
    return "NA" not in (hour["PM2.5"], hour["PM10"]) and float(hour["PM2.5"]) > float(hour["PM10"])


def test_every_hour_of_every_station_has_one_verdict(hours, found):
    assert found.read == len(hours)
    assert found.conserved
    assert on_the_page("beijing_air", found)
    assert sorted(found.offsets()) == list(range(len(hours)))


def test_na_is_a_missing_value_in_every_column(hours, found):
    nulls = found.nulls()
    assert {name: nulls[name] for name in COLUMNS} == {
        name: sum(hour[column] == "NA" for hour in hours) for name, column in COLUMNS.items()
    }
    assert sum(nulls[name] for name in COLUMNS) > 10_000
    assert not any(nulls[name] for name in nulls.keys() - COLUMNS.keys())


def test_just_the_hours_with_more_fine_dust_than_dust_are_rejected(hours, found):
    odd = [number for number, hour in enumerate(hours) if more_fine_than_all(hour)]
    assert len(odd) > 10_000
    assert [*found.reasons()] == odd
    assert found.tally.failures() == {"fine_within_coarse": len(odd)}
    assert {one["rule"] for reasons in found.reasons().values() for one in reasons} == {"fine_within_coarse"}


def test_where_one_of_them_is_missing_the_rule_is_not_evaluated_and_rejects_nothing(hours, found):
    assert found.not_evaluated("fine_within_coarse") == sum("NA" in (hour["PM2.5"], hour["PM10"]) for hour in hours)


def test_accepted_hours_keep_their_values_and_stand_at_their_instant(hours, found):
    good = [hour for hour in hours if not more_fine_than_all(hour)]
    fine = [None if hour["PM2.5"] == "NA" else float(hour["PM2.5"]) for hour in good]
    assert found.accepted["pm25"].to_pylist() == fine
    assert found.accepted["wind"].to_pylist() == [None if hour["wd"] == "NA" else hour["wd"] for hour in good]
    eight = dt.timedelta(hours=8)
    moments = [dt.datetime(*(int(hour[part]) for part in ("year", "month", "day", "hour"))) - eight for hour in good]
    assert found.accepted["at"].cast("timestamp[us]").to_pylist() == moments


def test_a_run_of_several_stations_into_parquet_loses_nothing_and_its_audit_holds(paths, tmp_path):
    several = [path for path in paths("beijing_air") if "_D" in path.name]
    hours = [hour for path in several for hour in records(path)]
    assert len(several) > 1
    summary, audited = moved("beijing_air", several[0].parent / "*_D*.csv.gz", "parquet", tmp_path)
    bad = sum(map(more_fine_than_all, hours))
    assert (summary.read, summary.accepted, summary.quarantined) == (len(hours), len(hours) - bad, bad)
    assert summary.epochs > 1
    assert (audited.holds, audited.proved) == (True, len(hours))
    stations = pq.read_table(tmp_path / "accepted", columns=["station"])["station"]
    assert len(stations) == len(hours) - bad
    assert set(stations.unique().to_pylist()) == {hour["station"] for hour in hours}
