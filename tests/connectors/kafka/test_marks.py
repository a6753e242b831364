"""The marks of a Kafka sink: who may move one, and what becomes of transactions that nobody ended."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from confluent_kafka import KafkaException

from stillwell.connectors.kafka import store
from stillwell.connectors.kafka.sink import Sink
from stillwell.errors import Fenced
from tests.connectors.kafka import outside
from tests.connectors.suite import NAME, SCHEMA, build, offsets, rows, step


def test_who_is_taken_over_can_write_nothing_more_for_that_mark(opened):
    old, new = opened(), opened()
    old.write(rows(0, 5), step(0, 5))
    new.write(rows(5, 5), step(5, 10))
    for stale in (step(5, 10), step(10, 15)):
        with pytest.raises(Fenced):
            old.write(rows(5, 5), stale)
        if stale == step(5, 10):
            # It held the mark when it was taken over; now it has to begin anew, as any other.
            new.write(rows(10, 5), step(10, 15))
    assert new.marks() == {NAME: 15}
    assert offsets(new) == list(range(15))


def test_a_stale_writer_takes_nothing_from_a_good_one(opened):
    good, stale = opened(), opened()
    good.write(rows(0, 5), step(0, 5))
    with pytest.raises(Fenced):
        stale.write(rows(0, 5), step(0, 5))
    good.write(rows(5, 5), step(5, 10))
    assert offsets(good) == list(range(10))


def test_a_mark_that_comes_back_can_be_moved_again(opened):
    one, two = opened(), opened()
    one.write(rows(0, 5), step(0, 5))
    two.write(rows(5, 5), step(5, 10))
    one.write(rows(10, 5), step(10, 15))
    with pytest.raises(Fenced):
        two.write(rows(15, 5), step(10, 20))
    two.write(rows(15, 5), step(15, 20))
    assert offsets(two) == list(range(20))


def test_a_new_owner_ends_the_transaction_of_a_dead_one_at_once(opened, kafka, topic):
    sink = opened(transaction=60)
    sink.write(rows(0, 5), step(0, 5))
    dead = outside.open_transaction(kafka, f"{topic}/{NAME}", (topic, None, b"{}"))
    owner = opened(transaction=60)
    began = time.monotonic()
    owner.write(rows(5, 5), step(5, 10))
    assert offsets(owner) == list(range(10))
    assert time.monotonic() - began < 5
    with pytest.raises(KafkaException):
        dead.commit_transaction(10)
    assert offsets(owner) == list(range(10))
    dead.purge()


def hung(kafka, topic, **keys):
    """A transaction that moved a mark, and died before its end; and one of another mark behind it that was committed."""
    marks = f"{topic}.marks"
    dead = outside.open_transaction(kafka, f"{topic}/{NAME}", (marks, f"{topic}/{NAME}".encode(), b"99"), **keys)
    well = outside.open_transaction(kafka, f"{topic}/other", (marks, f"{topic}/other".encode(), b"7"))
    well.commit_transaction(10)
    return dead, well


def test_marks_behind_a_hanging_transaction_are_seen_and_its_own_is_not(opened, kafka, topic, monkeypatch):
    sink = opened()
    sink.write(rows(0, 5), step(0, 5))
    dead, well = hung(kafka, topic)
    monkeypatch.setattr(store, "GRACE", 0.5)
    began = time.monotonic()
    assert sink.marks() == {NAME: 5, "other": 7}
    assert 0.5 < time.monotonic() - began < 5
    # Who is well and only committed behind it was not taken over for that.
    well.begin_transaction()
    well.produce(f"{topic}.marks", b"8", f"{topic}/other")
    well.commit_transaction(10)
    assert sink.marks() == {NAME: 5, "other": 8}
    dead.purge()


def test_who_only_reads_waits_for_its_end_and_takes_nothing(opened, kafka, topic, tmp_path, monkeypatch):
    opened().write(rows(0, 5), step(0, 5))
    dead, _ = hung(kafka, topic)
    monkeypatch.setattr(store, "GRACE", 0.2)
    reader = build(Sink, {"brokers": kafka.address, "topic": topic}, tmp_path)
    seen = []
    waiting = threading.Thread(target=lambda: seen.append(reader.marks()))
    waiting.start()
    time.sleep(1.5)
    assert not seen
    dead.commit_transaction(10)
    waiting.join(10)
    assert seen == [{NAME: 99, "other": 7}]


def test_a_stopped_process_is_fenced_when_it_goes_on(opened, kafka, topic, tmp_path):
    """The zombie: it stands still in the middle of its work, another takes over, it wakes."""
    opened()
    program = (
        "import sys, signal, os, pathlib\n"
        "from tests.connectors.suite import *\n"
        "from stillwell.connectors.kafka.sink import Sink\n"
        "sink = build(Sink, {'brokers': sys.argv[1], 'topic': sys.argv[2]}, pathlib.Path('.'))\n"
        "sink.open(SCHEMA)\n"
        "sink.write(rows(0, 5), step(0, 5))\n"
        "print('ready', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
        "try:\n"
        "    sink.write(rows(5, 5), step(5, 10))\n"
        "except Fenced as error:\n"
        "    print(error.problems[0].code)\n"
    )
    command = [sys.executable, "-c", program, kafka.address, topic]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as zombie:
        assert zombie.stdout.readline() == "ready\n"
        owner = opened()
        owner.write(rows(5, 7), step(5, 12))
        zombie.send_signal(18)
        assert zombie.stdout.read() == "fenced\n"
    assert owner.marks() == {NAME: 12}
    assert offsets(owner) == list(range(12))


def test_marks_of_several_sinks_can_share_a_topic(kafka, topic, opened):
    one = opened(marks=f"{topic}-all")
    two = opened(SCHEMA, topic=f"{topic}-2", marks=f"{topic}-all")
    one.write(rows(0, 5), step(0, 5))
    two.write(rows(0, 3), step(0, 3))
    assert (one.marks(), two.marks()) == ({NAME: 5}, {NAME: 3})
    assert not outside.exists(kafka, f"{topic}.marks")
