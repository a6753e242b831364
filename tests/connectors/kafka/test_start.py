"""Where a partition begins that was never read, the first time and every time after."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from tests.connectors.kafka.stage import (
    Peer,
    count,
    create,
    numbers,
    opened,
    payloads,
    produce,
    read,
    records,
    source,
    steps,
)


def test_latest_stays_where_it_was_at_the_first_start(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, [b"before"], 0)
    first = opened(kafka, topic, tmp_path, start="latest")
    assert first.read(9) is None
    first.close()
    # Nobody reads, and nothing of this was ever committed.
    produce(kafka, topic, [b"meanwhile"], 0)
    produce(kafka, topic, [b"meanwhile"], 1)
    again = opened(kafka, topic, tmp_path, start="latest", until="end")
    assert sorted(records(read(again, count(2)))) == [(0, 1, b"meanwhile"), (1, 0, b"meanwhile")]
    assert again.finished


def test_a_group_remembers_it_wherever_its_members_run(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, [b"before"], 0)
    one = Peer(kafka, topic, tmp_path / "one", {}, start="latest")
    steps([one], lambda: one.taken)
    one.source.close()
    produce(kafka, topic, [b"meanwhile"], 0)
    produce(kafka, topic, [b"meanwhile"], 1)
    marks = {}
    two = Peer(kafka, topic, tmp_path / "two", marks, start="latest")
    steps([two], lambda: len(two.told) == 2)
    assert sorted(two.told) == [(0, 1, b"meanwhile"), (1, 0, b"meanwhile")]
    # What is told to the group does not take this from it.
    two.commit()
    two.source.close()
    three = Peer(kafka, topic, tmp_path / "three", {}, start="latest")
    steps([three], lambda: len(three.told) == 2)
    assert sorted(three.told) == sorted(two.told)
    three.source.close()


def test_from_a_time_on(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, [b"before"], 0)
    time.sleep(0.02)
    instant = dt.datetime.now(dt.UTC)
    time.sleep(0.02)
    produce(kafka, topic, [b"after"], 0)
    produce(kafka, topic, numbers(3), 1)
    found = opened(kafka, topic, tmp_path, start={"timestamp": instant.isoformat()}, until="end")
    assert sorted(payloads(read(found, count(99)))) == [*numbers(3), b"after"]
    time.sleep(0.02)
    now = dt.datetime.now(dt.UTC).isoformat()
    assert opened(kafka, topic, tmp_path / "now", start={"timestamp": now}, until="end").finished


def test_a_plan_says_where_a_first_run_would_begin(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    for partition in range(2):
        produce(kafka, topic, numbers(4), partition)
    now = dt.datetime.now(dt.UTC).isoformat()
    for start, said in (
        ("latest", "from latest: about 0 of them"),
        ({"timestamp": "2001-01-01T00:00:00Z"}, "from 2001-01-01T00:00:00+00:00: about 8 of them"),
        ({"timestamp": now}, f"from {now}: about 0 of them"),
        ({"offsets": {0: 3}}, "from the offsets of `start`: about 5 of them"),
    ):
        told = source(kafka, topic, tmp_path, start=start).check()
        assert f"(2 partitions, about 8 records; where nothing was read yet, {said}) of cluster" in told
    assert "(2 partitions, about 8 records) of" in source(kafka, topic, tmp_path).check()


def test_at_offsets(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    for partition in range(2):
        produce(kafka, topic, numbers(4), partition)
    told = {"start": {"offsets": {"0": 3}}, "until": "end"}
    found = opened(kafka, topic, tmp_path, **told)
    assert sorted(records(read(found, count(99)))) == [(0, 3, b"3"), *((1, n, b"%d" % n) for n in range(4))]
    # What was read before counts more.
    found = opened(kafka, topic, tmp_path, {0: Position(2), 1: Position(4)}, **told)
    assert sorted(records(read(found, count(99)))) == [(0, 2, b"2"), (0, 3, b"3")]
    # Without them, what was read by them is found again: an audit, and a recovery, begin where the run began.
    found = opened(kafka, topic, tmp_path, until="end")
    assert sorted(records(read(found, count(99)))) == [(0, 3, b"3"), *((1, n, b"%d" % n) for n in range(4))]
    for offsets, said in (
        ({0: 99}, f"`start` asks for offset 99 of topic {topic}, partition 0, which ends at 4."),
        ({7: 0}, "`start` names partition 7, which the topic does not have."),
    ):
        wrong = source(kafka, topic, tmp_path / "new", start={"offsets": offsets})
        for refused in (wrong.check, lambda wrong=wrong: (wrong.open(), wrong.seek({}))):
            with pytest.raises(ConnectorError) as caught:
                refused()
            assert [(one.code, one.what) for one in caught.value.problems] == [("bad-option", said)]
    # Where a run has begun already, its marks count, and not `start`.
    assert "(2 partitions" in source(kafka, topic, tmp_path, start={"offsets": {0: 99}}).check()
    past = {0: Position(4), 1: Position(4)}
    assert opened(kafka, topic, tmp_path, past, start={"offsets": {0: 99}}, until="end").finished
    # What was a slip can be mended.
    found = opened(kafka, topic, tmp_path, **told)
    assert (0, 3, b"3") in records(read(found, count(99)))
