"""What may be asked of the Kafka source together, and what may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stillwell.connectors.kafka import Source
from stillwell.connectors.kafka.options import SourceOptions
from stillwell.errors import ConnectorError
from tests.connectors.suite import place


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"topic": ""}, "no topic is named"),
        ({"topic": []}, "no topic is named"),
        ({"topic": "^a("}, "`.a.` is no pattern"),
        ({"partitions": [0], "group": "g"}, "without a group"),
        ({"partitions": [0], "topic": ["a", "b"]}, "for one topic"),
        ({"partitions": [-1]}, "greater than or equal to 0"),
        ({"start": "newest"}, "'earliest', 'latest', '{timestamp: …}' or '{offsets: …}'"),
        ({"start": {"at": 1}}, "'earliest', 'latest', '{timestamp: …}' or '{offsets: …}'"),
        ({"start": {"timestamp": "2931-01-01T00:00:00Z"}}, "2931-01-01T00:00:00.00:00 lies in the future"),
        ({"start": {"timestamp": "2026-01-01T00:00:00"}}, "timezone"),
        ({"start": {"offsets": {"0": 1}}, "topic": "^a"}, "for one topic"),
        ({"buffer": 10}, "greater than or equal"),
        ({"group": ""}, "at least 1 character"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        SourceOptions(**{"brokers": "b:1", "topic": "t", **options})


def test_sizes_and_times_are_written_as_people_do():
    told = SourceOptions(brokers="b:1", topic="t", buffer="64MiB", start={"timestamp": "2026-01-01T00:00:00Z"})
    assert told.buffer == 64 << 20
    assert told.start.timestamp.year == 2026


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", {"csv": {"delimiter": ";"}}])
def test_a_message_is_one_record(form, tmp_path):
    with pytest.raises(ConnectorError) as caught:
        Source(SourceOptions(brokers="b:1", topic="t", format=form), place(tmp_path))
    assert caught.value.problems[0].code == "unknown-format"
    Source(SourceOptions(brokers="b:1", topic="t", format={"csv": {"header": ["a"]}}), place(tmp_path))
