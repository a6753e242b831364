"""Plans a pipeline: finds and builds its parts, refuses early what cannot be, and tries the doors before a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from stillwell._find import find
from stillwell.connectors.base import Place, Source
from stillwell.contract.load import load
from stillwell.contract.model import Contract
from stillwell.contract.read import Problems
from stillwell.delivery.commit import Keeper
from stillwell.delivery.durable import door
from stillwell.engines._features import refused
from stillwell.engines.base import Engine, Forewarning, Job
from stillwell.errors import PipelineError, Problem, StillwellError, Where, fail
from stillwell.kernel.program import accepted_schema, quarantine_schema
from stillwell.kernel.sequence.cost import costs
from stillwell.monitor.metrics import METRICS, Metrics
from stillwell.monitor.monitor import Monitor
from stillwell.monitor.store import StoreOptions
from stillwell.monitor.windows import grain, grouped_by, unjudged
from stillwell.pipeline.model import Part, Pipeline
from stillwell.pipeline.options import read_options
from stillwell.pipeline.refuse import same_place, unbuilt, uncounted, unjudgeable, unshared, unwatched

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """A pipeline that can be run: its job, the engine for it, and what a person should know beforehand."""

    pipeline: Pipeline
    job: Job
    engine: Engine
    warnings: tuple[str, ...] = ()
    monitor: Monitor | None = None

    def try_doors(self) -> list[str]:
        """Try the source and every sink; what would be read, written and kept, a line each. Writes and creates nothing.

        Raises:
            PipelineError: with the problems of all doors.
        """
        with self.pipeline.outside.masking():
            return [self.pipeline.outside.mask(line) for line in self._lines()]

    def _lines(self) -> list[str]:
        job, pipeline, problems = self.job, self.pipeline, Problems()
        contract = job.contract
        state = Part("state", path="state", at=pipeline.where("state"))

        def record_type() -> pa.StructType | None:
            return getattr(job.source, "record_type", None)

        reads = _placed(pipeline.source, problems, job.source.check)
        record = _placed(pipeline.source, problems, record_type) if reads else None
        # Without its source, nothing is known of the columns of a typed record.
        unknown = {"sink-schema"} if record is None and job.source.format.name == "arrow" else set()
        accepts = [
            _placed(part, problems, partial(sink.check, accepted_schema(contract)))
            for part, sink in zip(pipeline.accepted, job.accepted, strict=True)
        ]
        rejects = [
            _placed(part, problems, partial(sink.check, quarantine_schema(record)), unknown)
            for part, sink in zip(pipeline.quarantine, job.quarantine, strict=True)
        ]
        counted = [one.sink for one in job.keepers if isinstance(one, Metrics)]
        counts = [
            _placed(part, problems, partial(sink.check, METRICS))
            for part, sink in zip(pipeline.metrics, counted, strict=True)
        ]
        _placed(state, problems, partial(door, job.state / "run.lock"))
        watches = [] if self.monitor is None else [self.monitor.described()]
        if self.monitor is not None:
            _placed(replace(state, path="monitor"), problems, partial(door, self.monitor.store.path))
        problems.stop(PipelineError)
        return [
            f"reads        {reads}",
            f"judges by    {contract.name} {contract.version}, {contract.file}, on {pipeline.engine.name}",
            *(f"accepts to   {line}" for line in accepts),
            *(f"rejects to   {line}" for line in rejects),
            *(f"counts to    {line}" for line in counts),
            *(f"watches      {line}" for line in watches),
            f"keeps state  {job.state}",
        ]


@dataclass
class _Builder:
    """Builds the parts of a pipeline, and gathers what is wrong with any of them."""

    pipeline: Pipeline
    place: Place
    problems: Problems = field(default_factory=Problems)

    def built(self, part: Part, room: str, side: str) -> tuple[Any, Any] | None:
        """The plug-in of a part and its options; None when it cannot be built."""
        return _placed(part, self.problems, partial(self._build, part, room, side))

    def _build(self, part: Part, room: str, side: str) -> tuple[Any, Any] | None:
        kind = find(room, part.name, side)
        options = read_options(part, kind.Options, self.problems)
        if options is None:
            return None
        if side == "Sink" and not all(hasattr(kind, one) for one in ("marks", "write", "ledger")):
            what = f"`{part.name}` cannot keep marks with its rows: after a crash, some would be there twice."
            raise fail(PipelineError, "not-supported", what, "Use another sink.")
        return (kind(options) if side == "Engine" else kind(options, self.place)), options

    def monitor(self, contract: Contract) -> Monitor | None:
        """What watches the windows of the contract; None where it has none and nobody asks for a store."""
        asked = self.pipeline.monitor
        if asked is None and not contract.windows:
            return None
        part = (asked and asked.store) or Part("sqlite", path="monitor.store", at=self.pipeline.where("monitor"))
        options = read_options(part, StoreOptions, self.problems)
        if not isinstance(options, StoreOptions):
            return None
        self.add(unjudged(contract, options))
        path = self.place.path(options.path) if options.path else self.place.state / "monitor.sqlite"
        return Monitor(contract, path, options)

    def keepers(self, contract: Contract, source: Any, sinks: Sequence[Any]) -> tuple[Keeper, ...]:
        """What takes the counts of each epoch: the monitor, and these sinks of metrics."""
        monitor = self.monitor(contract)
        self.add(uncounted(contract, self.pipeline))
        found = (*(() if monitor is None else (monitor,)), *(Metrics(contract, sink) for sink in sinks))
        for one in unwatched(source, bool(found)):
            self.problems.add(one.code, one.what, one.fix, self.pipeline.source.at, one.path)
        return found

    def contract(self) -> Contract | None:
        """The contract, read from beside the pipeline's file."""
        named = self.pipeline.contract
        if not isinstance(named, str) or "#" in named:
            return None
        try:
            contract = load(Path(self.pipeline.file).parent / named)
        except StillwellError as error:
            for one in error.problems:
                unread = one.code == "unreadable"
                where, path = (self.pipeline.where("contract"), "contract") if unread else (one.where, one.path)
                self.problems.add(one.code, one.what, one.fix, where, path)
            return None
        self.add(unjudgeable(contract, self.pipeline))
        return contract

    def add(self, found: Iterator[Problem]) -> None:
        for one in found:
            self.problems.add(one.code, one.what, one.fix, one.where, one.path)


def plan(pipeline: Pipeline, *, folder: Path | None = None, state: Path | None = None) -> Plan:
    """The plan of a pipeline. Nothing is opened; what can be refused without that is refused, all at once.

    Args:
        pipeline: as it was read.
        folder: where relative paths of source, sinks and state start from, instead of the folder of its file.
        state: the folder of its state, instead of what it says.

    Raises:
        PipelineError: with every problem of the pipeline, its parts and its contract, each with line and column.
    """
    folder = (folder or pipeline.folder).absolute()
    place = Place(pipeline.name, folder, state or folder / (pipeline.state or f".stillwell/{pipeline.name}"))
    builder = _Builder(pipeline, place)
    with pipeline.outside.masking():
        builder.add(unbuilt(pipeline))
        contract = builder.contract()
        parts = (pipeline.source, *pipeline.accepted, *pipeline.quarantine, *pipeline.metrics)
        sides = ["Source", *["Sink"] * (len(parts) - 1)]
        built = [builder.built(part, "connectors", side) for part, side in zip(parts, sides, strict=True)]
        engine = builder.built(pipeline.engine, "engines", "Engine")
        builder.add(same_place([(part, one[1]) for part, one in zip(parts, built, strict=True) if one], place))
        builder.problems.stop(PipelineError)
        assert contract is not None
        assert engine is not None
        source, *sinks = (one[0] for one in built if one)
        kind: Callable[..., Source] = type(source)
        options = next(one[1] for one in built if one)
        builder.add(unshared(source, zip(parts[1:], sinks, strict=True)))
        accepted = len(pipeline.accepted)
        rejected = accepted + len(pipeline.quarantine)
        keepers = builder.keepers(contract, source, sinks[rejected:])
        job = Job(
            pipeline=pipeline.name,
            contract=contract,
            source=source,
            accepted=tuple(sinks[:accepted]),
            quarantine=tuple(sinks[accepted:rejected]),
            state=place.state,
            epoch=pipeline.epoch,
            memory=f"{pipeline.limits.memory}B",
            patience=pipeline.limits.patience,
            keys=pipeline.limits.keys,
            window=grain(contract),
            group=grouped_by(contract),
            by_key=contract.key if pipeline.metrics else (),
            keepers=keepers,
            another=partial(kind, options, place),
        )
        for one in refused(pipeline.engine.name, engine[0], job):
            builder.problems.add(one.code, one.what, one.fix, pipeline.where(one.path), one.path)
        _placed(pipeline.engine, builder.problems, partial(engine[0].check, job))
        builder.problems.stop(PipelineError)
    told = engine[0].warnings(job) if isinstance(engine[0], Forewarning) else ()
    monitors = (one for one in keepers if isinstance(one, Monitor))
    return Plan(pipeline, job, engine[0], (*_warnings(contract, pipeline, source), *told), next(monitors, None))


def _warnings(contract: Contract, pipeline: Pipeline, source: Any) -> Iterator[str]:
    if contract.status == "deprecated":
        yield f"{pipeline.where('contract')}  The contract {contract.name} {contract.version} is deprecated."
    if contract.table:
        yield f"{contract.where('table')}  Rules under `table` are judged by `stillwell check`, and not by a run."
    if getattr(source, "keyed", False):
        keys = [cost.key for cost in costs(contract)]
        # What holds the whole of another key is of one partition wherever that is.
        for key in dict.fromkeys(key for key in keys if not any(set(other) < set(key) for other in keys)):
            named = ", ".join(key)
            yield (
                f"{pipeline.source.at}  A history is that of a key in one partition: "
                f"{named} must be the key of the messages, or what chooses their partition."
            )


def _placed(
    part: Part, problems: Problems, work: Callable[[], T], ignored: set[str] | frozenset[str] = frozenset()
) -> T | None:
    """What `work` gives; None when it fails, which is gathered at its own place or else at that of the part."""
    try:
        return work()
    except StillwellError as error:
        for one in error.problems:
            if one.code not in ignored:
                placed = one if one.where != Where() else replace(one, where=part.at, path=one.path or part.path)
                problems.add(placed.code, placed.what, placed.fix, placed.where, placed.path)
    except OSError as error:
        what = f"{error.filename or part.name}: {error.strerror or error}."
        problems.add("unreadable", what, "Check the path, and the rights of this user.", part.at, part.path)
    return None
