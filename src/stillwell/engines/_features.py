"""What a job may ask of its engine: each feature has a name, by which an engine says that it cannot do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from stillwell.connectors.base import Shared, Source
from stillwell.engines.base import Engine, Job
from stillwell.errors import Problem
from stillwell.monitor.monitor import Monitor


@dataclass(frozen=True)
class Feature:
    """`what` it is, for people; `asked` gives the keys of pipeline.yml by which a job asks for it, none if it does not.

    What is asked for by an option of the engine itself has no `asked`: the engine refuses that option.
    """

    what: str
    asked: Callable[[Job], Collection[str]] = lambda _job: ()


def _is_other(source: Source) -> bool:
    """Whether it is none of Kafka, nor refused for another reason."""
    return source.replayable and not getattr(source, "in_process", False) and not hasattr(source, "native")


FEATURES = {
    "sequence": Feature(
        "Rules over a key's history (`sequence`)", lambda job: ("contract",) if job.contract.sequence else ()
    ),
    "windows": Feature(
        "Windows of a contract, and tallies that are kept (`windows`, `monitor`)",
        lambda job: ("contract",) if any(isinstance(one, Monitor) for one in job.keepers) else (),
    ),
    "metrics": Feature("A table of counts by key and hour (`metrics`)", lambda job: ("metrics",) if job.by_key else ()),
    "group": Feature(
        "Several runs that share the partitions of a source (`group`)",
        lambda job: ("source",) if isinstance(job.source, Shared) else (),
    ),
    "spool": Feature(
        "Sources that cannot be read again (spooled first)",
        lambda job: () if job.source.replayable else ("source",),
    ),
    "memory": Feature(
        "Records in the memory of the process that runs the pipeline",
        lambda job: ("source",) if getattr(job.source, "in_process", False) else (),
    ),
    "other_sources": Feature(
        "Sources that can be read again, other than Kafka",
        lambda job: ("source",) if _is_other(job.source) else (),
    ),
    "parts_of_topics": Feature(
        "Several topics of Kafka, or some partitions of one",
        lambda job: ("source",) if getattr(job.source, "partial", False) else (),
    ),
    "several_sinks": Feature(
        "Several sinks of accepted rows, or of rejected ones",
        lambda job: [name for name in ("accepted", "quarantine") if len(getattr(job, name)) > 1],
    ),
    "native": Feature("The engine's own connector for Kafka (`reader: native`)"),
}
"""By name, in the order of the support table."""


def refused(name: str, engine: Engine, job: Job) -> Iterator[Problem]:
    """A problem for each feature that a job asks for and the engine `name` cannot give; paths are those of the file."""
    for feature, cannot in engine.cannot.items():
        for path in FEATURES[feature].asked(job):
            yield Problem("not-supported", f"{cannot.why} (engine {name})", cannot.fix, path=path)
