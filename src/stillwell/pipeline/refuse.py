"""Refuses what a pipeline can say but nobody can do yet, and what would write or read one place twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from stillwell.connectors.base import Place, Shared
from stillwell.contract.model import Contract
from stillwell.errors import Problem, Where
from stillwell.kernel.program import unsupported
from stillwell.pipeline.model import ContractChoice, Part, Pipeline

_LATER = "Leave it out for now."


def unbuilt(pipeline: Pipeline) -> Iterator[Problem]:
    """A problem for each part of the file that is understood, but not built yet."""

    def refused(path: str, what: str, fix: str = _LATER) -> Problem:
        return Problem("not-supported", what, fix, pipeline.where(path), path)

    if isinstance(pipeline.contract, ContractChoice):
        yield refused("contract", "A contract cannot be chosen by record yet.", "Name one contract.")
    elif "#" in pipeline.contract:
        yield refused("contract", "One table of a document cannot be named yet.", "Name a contract of its own.")
    if pipeline.state and "://" in pipeline.state:
        yield refused("state", "State is kept in a local folder only.", "Name a folder.")
    for name in pipeline.lookups:
        yield refused(f"lookups.{name}", f"The lookup `{name}` cannot be read yet.")
    if pipeline.monitor is not None and pipeline.monitor.reference is not None:
        yield refused("monitor.reference", "Nothing is compared with a reference yet.")
    if pipeline.monitor is not None and pipeline.monitor.store is not None and pipeline.monitor.store.name != "sqlite":
        yield refused("monitor.store", "Tallies are kept in SQLite only.", "Write `store: sqlite`.")
    for name in pipeline.alerts:
        yield refused(f"alerts.{name}", f"The alert `{name}` cannot be sent yet.")


def unjudgeable(contract: Contract, pipeline: Pipeline) -> Iterator[Problem]:
    """A problem for each part of the contract that cannot be judged, and one if it is retired."""
    yield from unsupported(contract)
    if contract.status == "retired":
        what = f"The contract {contract.name} {contract.version} is retired."
        yield Problem("retired", what, "Judge by the one that came after it.", pipeline.where("contract"), "contract")


def unshared(source: object, sinks: Iterable[tuple[Part, object]]) -> Iterator[Problem]:
    """A problem for each sink that only one process may write, where the source shares its partitions with others."""
    if not isinstance(source, Shared):
        return
    for at, (part, sink) in enumerate(sinks):
        if not getattr(sink, "shared", False):
            what = f"A group shares its partitions, but only one process may write to `{part.name}`."
        elif at == 0 and not getattr(sink, "shared_ledger", False):
            what = f"A group shares its partitions, but the ledger beside `{part.name}` serves one process."
        else:
            continue
        yield Problem("not-supported", what, "Write to delta, or leave `group` out.", part.at, part.path)


def unwatched(source: object, kept: bool) -> Iterator[Problem]:
    """A problem where what keeps counts would see some of a group's partitions alone."""
    if kept and isinstance(source, Shared):
        what = "Runs of a group share the partitions: none would see whole windows, or count whole epochs."
        fix = "Leave `group` out, or the windows of the contract, `monitor` and `metrics`."
        yield Problem("not-supported", what, fix, path="source")


def uncounted(contract: Contract, pipeline: Pipeline) -> Iterator[Problem]:
    """A problem where counts by key are asked for, and there is no key that may be shown."""
    if not pipeline.metrics:
        return
    where = pipeline.where("metrics")
    if not contract.key:
        what = "Counts by key need a key, and the contract has none."
        yield Problem("missing-key", what, "Add `key: FIELD` to the contract.", where, "metrics")
    secret = [name for name in contract.key if contract.field(name).sensitive]
    if secret:
        what = f"`{secret[0]}` is sensitive: its values would stand in a table."
        yield Problem("not-supported", what, "Leave `metrics` out, or choose another key.", where, "metrics")


def same_place(parts: Iterable[tuple[Part, object]], place: Place) -> Iterator[Problem]:
    """A problem for each two of these that would be the same file, folder or table; the second is the one to move."""
    for (one, options), (other, others) in combinations(parts, 2):
        paths, table = _paths(options, place), getattr(options, "table", None)
        same = paths & _paths(others, place) and table == getattr(others, "table", None)
        same = same or _share_a_topic(options, others)
        if same or (not paths and one.name == other.name and options == others):
            what = f"This is the place of {one.path} too."
            yield Problem("same-place", what, "Name another place.", _path_place(other), other.path)


def _share_a_topic(options: object, others: object) -> bool:
    """Whether both name a topic of the same brokers, or one has a pattern that matches what the other writes."""
    one, other = _topics(options), _topics(others)
    return (
        bool(one)
        and getattr(options, "brokers", None) == getattr(others, "brokers", None)
        and (not one.isdisjoint(other) or _matches(one, other) or _matches(other, one))
    )


def _matches(patterns: set[str], topics: set[str]) -> bool:
    """A sink's own topics too: those of its marks, its ledger and outcomes begin with its name and a dot."""
    names = [f"{topic}{end}" for topic in topics if not topic.startswith("^") for end in ("", ".marks")]
    return any(re.match(pattern, name) for pattern in patterns if pattern.startswith("^") for name in names)


def _topics(options: object) -> set[str]:
    told = getattr(options, "topic", None)
    return {told} if isinstance(told, str) else set(told or ())


def _paths(options: object, place: Place) -> set[Path]:
    named = getattr(options, "path", None)
    texts = [named] if isinstance(named, str) else named or []
    return {place.path(text).resolve() for text in texts if "://" not in text}


def _path_place(part: Part) -> Where:
    return part.where(("path",)) if "path" in part.options else part.at
