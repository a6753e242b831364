"""Members that begin in the same moment, where nothing is there yet: each topic and table is made once, and none gives up."""

from __future__ import annotations

import multiprocessing

import pytest

from stillwell.connectors.kafka.sink import Sink
from stillwell.errors import StillwellError
from stillwell.kernel.program import quarantine_schema
from tests.connectors.suite import build
from tests.torture.ground import LONG, Ground, all_ended, wait

pytestmark = LONG

AT_ONCE, TURNS = 5, 20
_FORKS = multiprocessing.get_context("forkserver")


def opened(together, told, kafka, topic, folder):
    """Open sinks of new topics, each in the same moment as all others do; tells what went wrong."""
    sinks = [build(Sink, {"brokers": kafka, "topic": f"{topic}-{turn}"}, folder) for turn in range(TURNS)]
    wrong = []
    for sink in sinks:
        together.wait(60)
        try:
            sink.open(quarantine_schema(None))
        except StillwellError as error:
            wrong.append(str(error))
        sink.close()
    told.put(wrong)


def test_sinks_that_are_opened_at_once_all_open(kafka, topic, tmp_path):
    """One member's first transaction may meet another's taking of the same id, at any point of it."""
    together, told = _FORKS.Barrier(AT_ONCE), _FORKS.Queue()
    given = (together, told, kafka.address, topic, tmp_path)
    work = [_FORKS.Process(target=opened, args=given, daemon=True) for _ in range(AT_ONCE)]
    for one in work:
        one.start()
    assert [told.get(timeout=120) for _ in work] == [[]] * AT_ONCE
    for one in work:
        one.join(10)


@pytest.mark.parametrize("quarantine", ["delta", "kafka"])
def test_members_that_begin_at_once_share_the_work(kafka, topic, tmp_path, quarantine):
    ground = Ground(kafka, tmp_path, topic, quarantine=quarantine, group=True)
    ground.produce(1000)
    members = [ground.run() for _ in range(3)]
    with all_ended(*members):
        wait(lambda: all(one.said("epoch") for one in members) or ground.produce(60))
        wait(ground.everything, told=lambda: "".join(one.told() for one in members))
        assert sum(one.end()["read"] for one in members) == ground.produced
    ground.assert_whole()
