"""What the tests of the sink share: an open sink of the test's topic."""

from __future__ import annotations

import pytest

from stillwell.connectors.kafka.sink import Sink
from tests.connectors.suite import SCHEMA, build


@pytest.fixture
def opened(kafka, topic, tmp_path):
    """Makes an open sink of this topic; each has its own producers, as in another process."""
    made = []

    def make(schema=SCHEMA, **more):
        made.append(build(Sink, {"brokers": kafka.address, "topic": topic, **more}, tmp_path))
        made[-1].open(schema)
        return made[-1]

    yield make
    for sink in made:
        sink.close()
