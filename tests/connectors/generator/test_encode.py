"""Records as JSON bytes: exact numbers and times, and each fault of the text where it should be."""

import datetime as dt
import json

import numpy as np
import pytest

from stillwell.connectors.generator.encode import BAD_IDS, BAD_TIMES, WRONG_TYPES, Encoder
from stillwell.connectors.generator.faults import CLEAN, CODE, FIELDS, NO_FIELD, Slots

NOW = dt.datetime(2026, 2, 3, 4, 5, 6, 7089, tzinfo=dt.UTC)


def encoded(count, kind=None, field=None, values=(20.0, 50.0, 1000.0), time=NOW):
    slots = Slots(
        np.arange(count),
        np.zeros(count, np.int64),
        np.full(count, CODE[kind] if kind else CLEAN, np.int8),
        np.full(count, FIELDS.index(field) if field else NO_FIELD, np.int8),
    )
    micros = np.full(count, round(time.timestamp() * 1_000_000))
    random = np.random.default_rng(1).integers(0, 2**64, count, np.uint64)
    columns = [np.full(count, value) for value in values]
    return Encoder(["sensor_007"]).encode(np.zeros(count, np.int64), micros, columns, slots, random).to_pylist()


def test_a_record_reads_as_a_person_would_write_it():
    assert encoded(1, values=(-7.5, 0.004, 1013.25)) == [
        (
            b'{"sensor_id":"sensor_007","timestamp":"2026-02-03T04:05:06.007089Z",'
            b'"temperature":-7.50,"humidity":0.00,"pressure":1013.25}'
        )
    ]


def test_every_hundredth_is_written_exactly():
    for value in (-999.99, -100.0, -40.01, -0.01, 0.0, 0.1, 9.99, 10.0, 99.99, 100.0, 999.99, 1000.0, 1999.99):
        assert f'"temperature":{value:.2f},'.encode() in encoded(1, values=(value, 0, 0))[0]


def test_records_of_unlike_lengths_keep_apart():
    slots = Slots(np.arange(3), np.zeros(3, np.int64), np.full(3, CLEAN, np.int8), np.full(3, NO_FIELD, np.int8))
    columns = [np.array([-10.0, 0.0, 10.0]), np.array([100.0, 1.0, 10.0]), np.array([1000.0, 900.0, 1.0])]
    payloads = Encoder(["a", "bcd"]).encode(
        np.array([0, 1, 0]), np.zeros(3, np.int64), columns, slots, np.zeros(3, np.uint64)
    )
    payloads.validate(full=True)
    read = [json.loads(payload) for payload in payloads.to_pylist()]
    assert [one["sensor_id"] for one in read] == ["a", "bcd", "a"]
    assert [one["humidity"] for one in read] == [100, 1, 10]


@pytest.mark.parametrize("field", FIELDS)
def test_missing_takes_one_field_out_and_leaves_sound_json(field):
    read = json.loads(encoded(1, "missing", field)[0])
    assert list(read) == [name for name in FIELDS if name != field]


@pytest.mark.parametrize("field", FIELDS)
def test_null_stands_in_the_place_of_one_value(field):
    read = json.loads(encoded(1, "null", field)[0])
    assert [name for name in FIELDS if read[name] is None] == [field]


@pytest.mark.parametrize(
    ("kind", "field", "texts"),
    [
        ("wrong_type", "pressure", WRONG_TYPES),
        ("bad_timestamp", "timestamp", BAD_TIMES),
        ("bad_id", "sensor_id", BAD_IDS),
    ],
)
def test_every_bad_text_occurs_whole(kind, field, texts):
    seen = {json.dumps(json.loads(payload)[field], ensure_ascii=False) for payload in encoded(300, kind, field)}
    assert seen == {json.dumps(json.loads(text), ensure_ascii=False) for text in texts}


def test_malformed_is_never_json_never_empty_and_stays_on_its_line():
    payloads = encoded(5_000, "malformed")
    assert len(set(payloads)) > 50
    for payload in payloads:
        assert payload
        assert b"\n" not in payload
        with pytest.raises(json.JSONDecodeError):
            json.loads(payload)
