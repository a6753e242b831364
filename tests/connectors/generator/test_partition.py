"""Records of one partition: clean ones keep the sensors contract, faulty ones break it where they say they do."""

import datetime as dt
import itertools
import json
import math
import re

import numpy as np
import pytest

from stillwell.connectors.generator.options import VISIBLE, GeneratorOptions
from stillwell.connectors.generator.partition import SCHEMA, Partition

LIMITS = {"temperature": (-40, 85), "humidity": (0, 100), "pressure": (800, 1100)}


def made(count, first=0, **options):
    return Partition(GeneratorOptions(**options), 0).batch(first, count).to_pylist()


def broken(payload, ingest):
    """The fields on which the sensors contract rejects a payload, by plain Python; `None` if it is no JSON at all."""
    try:
        record = json.loads(payload)
    except json.JSONDecodeError:
        return None
    fields = {name for name, (low, high) in LIMITS.items() if not within(record.get(name), low, high)}
    name = record.get("sensor_id")
    if not isinstance(name, str) or not re.fullmatch("sensor_[0-9]{3}", name):
        fields.add("sensor_id")
    if (time := parsed(record.get("timestamp"))) is None or time > ingest + dt.timedelta(minutes=1):
        fields.add("timestamp")
    return fields


def within(value, low, high):
    if isinstance(value, str):  # a lenient reader takes the text of a number for the number
        try:
            value = float(value)
        except ValueError:
            return False
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )


def parsed(text):
    try:
        return dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize(
    "options",
    [{}, {"seed": 1, "sensors": 999}, {"rate": 50_000, "speed": 600, "sensors": 10}, {"sensors": 1}],
    ids=str,
)
def test_visible_faults_break_the_contract_on_their_field_and_all_else_keeps_it(options):
    seen = set()
    for row in made(60_000, **options):
        fields = broken(row["payload"], row["ingest_time"])
        if row["fault"] == "malformed":
            assert fields is None, row
        else:
            assert fields == ({row["fault_field"]} if row["fault"] in VISIBLE else set()), row
        seen.add(row["fault"])
    assert seen >= {*VISIBLE, None}


def test_values_stay_sound_over_years():
    rate = {"spike": 0.5}
    for first in range(0, 100_000_000, 9_999_991):
        for row in made(500, first, faults=rate):
            assert broken(row["payload"], row["ingest_time"]) == set(), row


def test_the_future_is_an_hour_or_more_ahead_of_ingest():
    for row in made(2_000, faults={"future": 1.0}):
        assert parsed(json.loads(row["payload"])["timestamp"]) >= row["ingest_time"] + dt.timedelta(hours=1)


def history(**options):
    """Rows by sensor, with their payloads read, in the order of arrival."""
    sensors = {}
    for row in made(40_000, **options):
        record = json.loads(row["payload"])
        sensors.setdefault(record["sensor_id"], []).append({**row, **record, "time": parsed(record["timestamp"])})
    return sensors.values()


def test_ingest_follows_the_event_clock_by_50_ms():
    rows = made(1_000, faults={})
    latencies = {row["ingest_time"] - parsed(json.loads(row["payload"])["timestamp"]) for row in rows}
    assert latencies == {dt.timedelta(milliseconds=50)}
    assert rows[0]["ingest_time"] == dt.datetime(2026, 1, 1, microsecond=50_000, tzinfo=dt.UTC)


def test_clean_readings_rise_in_time_and_no_two_are_one_record():
    for rows in history(faults={"gap": 0.05}):
        times = [row["time"] for row in rows]
        assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_a_duplicate_is_an_earlier_record_byte_for_byte():
    found = 0
    for rows in history(faults={"duplicate": 0.05}):
        earlier = set()
        for row in rows:
            assert (row["payload"] in earlier) == (row["fault"] == "duplicate")
            earlier.add(row["payload"])
            found += row["fault"] == "duplicate"
    assert found > 1000


@pytest.mark.parametrize(
    ("kind", "behind"), [("late", dt.timedelta(minutes=5)), ("out_of_order", dt.timedelta(minutes=1))]
)
def test_late_and_out_of_order_records_are_older_than_what_came_before(kind, behind):
    for rows in history(faults={kind: 0.03}):
        newest = dt.datetime.min.replace(tzinfo=dt.UTC)
        for place, row in enumerate(rows):
            if place:
                assert (row["time"] < newest) == (row["fault"] == kind)
            if row["fault"] == kind:
                assert row["ingest_time"] - row["time"] > behind
            newest = max(newest, row["time"])


def test_a_stuck_value_stays_as_it_is():
    found = 0
    for rows in history(faults={"stuck": 0.1}):
        for before, row in itertools.pairwise(rows):
            if row["fault"] == before["fault"] == "stuck" and row["fault_field"] == before["fault_field"]:
                same = [name for name in LIMITS if row[name] == before[name]]
                # Two stretches may touch, each with its own value.
                found += row["fault_field"] in same
    stuck = sum(row["fault"] == "stuck" for rows in history(faults={"stuck": 0.1}) for row in rows)
    assert found > 0.95 * stuck > 1000


def test_a_spike_stands_out_from_its_neighbours_within_the_limits():
    least = {"temperature": 20, "humidity": 25, "pressure": 50}
    for rows in history(faults={"spike": 0.02}):
        for before, row in itertools.pairwise(rows):
            if before["fault"] is None:
                jumps = {name for name, jump in least.items() if abs(row[name] - before[name]) > jump}
                assert jumps == ({row["fault_field"]} if row["fault"] == "spike" else set())


def test_partitions_share_sensors_and_time_out_among_them():
    options = GeneratorOptions(sensors=7, partitions=3, faults={})
    owners, times = {}, []
    for number in range(3):
        for row in Partition(options, number).batch(0, 500).to_pylist():
            record = json.loads(row["payload"])
            owners.setdefault(record["sensor_id"], set()).add(row["partition"])
            times.append(record["timestamp"])
    assert len(owners) == 7
    assert all(len(numbers) == 1 for numbers in owners.values())
    assert len(set(times)) == len(times)


def test_a_batch_has_the_columns_that_are_promised():
    batch = Partition(GeneratorOptions(), 0).batch(5, 10)
    assert batch.schema == SCHEMA
    assert batch.column("offset").to_pylist() == list(range(5, 15))
    batch.validate(full=True)


def test_the_clock_does_not_overflow_after_a_long_time():
    first = 15_000_000_000
    rows = made(10, first, faults={})
    expected = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + np.timedelta64(first * 600, "ms").item()
    assert parsed(json.loads(rows[0]["payload"])["timestamp"]) == expected


def test_parts_of_a_microsecond_add_up_in_the_event_clock():
    """300,000 a second are 3,333 ns apart: after three million of them, 9.999 s have passed."""
    row = made(1, 3_000_000, faults={}, rate=300_000, sensors=300)[0]
    assert parsed(json.loads(row["payload"])["timestamp"]) == dt.datetime(2026, 1, 1, 0, 0, 9, 999_000, tzinfo=dt.UTC)
