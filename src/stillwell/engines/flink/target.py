"""Where Flink writes: the Kafka sinks of a pipeline, or those through which its other sinks are reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.sink import Sink, SinkOptions
from stillwell.engines.base import Job
from stillwell.engines.flink.options import EngineOptions
from stillwell.engines.flink.properties import properties
from stillwell.engines.flink.writes import Topics


@dataclass(frozen=True)
class Target:
    """`final`: these are the pipeline's own sinks. `prefix` begins all transactional ids, `keys` reach the brokers."""

    accepted: Sink
    quarantine: Sink
    final: bool
    topics: Topics
    prefix: str
    keys: Mapping[str, str]

    @staticmethod
    def of(job: Job, options: EngineOptions) -> Target:
        """Those of a job."""
        accepted, quarantine, final = _sinks(job, options)
        one, other = accepted.native(), quarantine.native()
        topics = Topics(one.topic, one.marks, other.topic, other.marks, one.ledger, f"{one.topic}.tallies")
        # A topic's name has no slash, so that no prefix begins another one.
        prefix = f"stillwell/{job.pipeline}/{one.topic}/"
        return Target(accepted, quarantine, final, topics, prefix, properties(one.access, one.place))


def _sinks(job: Job, options: EngineOptions) -> tuple[Sink, Sink, bool]:
    accepted, quarantine = job.accepted[0], job.quarantine[0]
    if options.through is None:
        assert isinstance(accepted, Sink)
        assert isinstance(quarantine, Sink)
        return accepted, quarantine, True
    place = Place(job.pipeline, job.state, job.state)
    return _between(options.through, "accepted", place), _between(options.through, "quarantine", place), False


def _between(through: SinkOptions, name: str, place: Place) -> Sink:
    return Sink(through.model_copy(update={"topic": f"{through.topic}.{name}", "marks": None, "key": None}), place)
