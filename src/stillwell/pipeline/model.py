"""What a pipeline is, once read: frozen plain data, and where in the file each part of it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stillwell.contract.model import PlugIn
from stillwell.contract.read import List, Map, Node, Text
from stillwell.engines.base import EpochLimits
from stillwell.errors import Where
from stillwell.pipeline.outside import Outside


@dataclass(frozen=True)
class Part(PlugIn):
    """A plug-in at its place: `path` is its name in problems (`accepted[1].delta`), `at` where it stands."""

    path: str = field(default="", compare=False)
    at: Where = field(default=Where(), compare=False)
    node: Node | None = field(default=None, compare=False, repr=False)

    def where(self, steps: Sequence[str | int] = (), *, key: bool = False) -> Where:
        """Where the option that `steps` lead to stands, or what is nearest around it: its value, or its `key`."""
        place, node = self.at, self.node
        for step in steps:
            if isinstance(node, Map) and step in node.entries:
                place, node = node.keys[str(step)], node.entries[str(step)]
            elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                place = node.where
        return node.where if isinstance(node, Text) and steps and not key else place


@dataclass(frozen=True)
class ContractChoice:
    """Several contracts in one stream: `by` names the field or envelope part that chooses."""

    by: str
    when: Mapping[str, str]
    otherwise: str


@dataclass(frozen=True)
class Limits:
    """The bounds of a run: keys in state, memory of the kernel in bytes, how long a sink that fails is tried again."""

    keys: int = 1_000_000
    memory: int = 1 << 30
    patience: dt.timedelta = dt.timedelta(seconds=30)


@dataclass(frozen=True)
class Lookup:
    """Where a table of the contract lies, and how often it is read anew."""

    part: Part
    refresh: dt.timedelta = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Monitor:
    """Where history is kept, and what drift compares with."""

    store: Part | None = None
    reference: Part | None = None


@dataclass(frozen=True)
class Alert:
    """Who is told, and of what: for each of severity, owner and rule the texts that are meant; none means all."""

    part: Part
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pipeline:
    """Where records come from, which contract judges them, where they go. `state` is None where it is not said.

    `outside` knows the values that were filled in, none of which may ever be shown.
    """

    name: str
    contract: str | ContractChoice
    source: Part
    accepted: tuple[Part, ...]
    quarantine: tuple[Part, ...]
    metrics: tuple[Part, ...] = ()
    engine: Part = Part("embedded")
    state: str | None = None
    epoch: EpochLimits = field(default_factory=EpochLimits)
    limits: Limits = Limits()
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    monitor: Monitor | None = None
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    file: str = field(default="", compare=False)
    places: Mapping[str, Where] = field(default_factory=dict, compare=False, repr=False)
    outside: Outside = field(default=Outside(), compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from: that of the file."""
        return Path(self.file).absolute().parent if self.file else Path.cwd()

    def on(self, engine: str | None) -> Pipeline:
        """The same on another engine; with None, or the engine that it names, as it is."""
        if engine in (None, self.engine.name):
            return self
        part = Part(str(engine), path="engine", at=Where("--engine"))
        return replace(self, engine=part, places={**self.places, "engine": part.at})

    def where(self, path: str) -> Where:
        """Where the thing at `path` (`epoch.wait`) stands, or else the nearest thing around it."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, Where(self.file))
