"""A small stage for delivery: readings, a contract, sinks of every kind, and runs that die where they are told to."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillwell._find import find
from stillwell.connectors.base import Place, Sink, Source
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.again import Rejudge
from stillwell.delivery.audit import Audit, Audited
from stillwell.delivery.memory import Memory
from stillwell.engines.base import EpochLimits, Job, Progress, Summary
from stillwell.engines.embedded import Engine, EngineOptions, flow
from stillwell.kernel import Kernel

DURABLE = ("delta", "parquet", "jsonl", "duckdb")
KILLS = int(os.environ.get("STILLWELL_KILLS", "2"))
"""How hard the tests of deaths try: a little by default, some hundred for torture."""

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# Fits our own readings and those of the generator.
_CONTRACT = """
contract: readings
version: {version}
time: at
fields:
  sensor: {{type: string, from: [sensor, sensor_id], required: true}}
  at: {{type: timestamp, from: [at, timestamp], required: true, max: now + 1m}}
  value:
    {{type: double, from: [value, temperature], min: 0, max: {most}, repair: {{range: clamp}}, warn: {{max: 30}}}}
  count: {{type: double, from: [count, humidity], required: true, max: 90}}
rules:
  usual: {{expect: 'sensor <> ''s3''', severity: warn}}
  never: {{expect: 'sensor <> ''poison''', severity: fail}}
"""


@functools.cache
def contract(version: str = "1.0.0", most: int = 50) -> Contract:
    """Two versions must tell apart: with another `most`, other values are clamped."""
    return parse(_CONTRACT.format(version=version, most=most))


STRICT = _CONTRACT.format(version="2.0.0", most=50).replace("max: 90", "max: 20")
"""A later contract under which other records are rejected."""


def payload(n: int) -> bytes | None:
    """Reading number n; about a third is rejected, for many reasons."""
    odd = {5: b'{"sensor": "s', 7: b"\xff\xfe" + bytes([128 + n % 128]), 11: None, 13: b"", 17: b'{"sensor": 3}'}
    if n % 19 in odd:
        return odd[n % 19]
    at = (BEGAN + dt.timedelta(seconds=n)).isoformat()
    return json.dumps({"sensor": f"s{n % 5}", "at": at, "value": n * 0.7 % 80 - 5, "count": n % 100}).encode()


def batch(count: int, *, timed: bool = True, start: int = 0) -> pa.Table:
    """Readings with the ingest time of a transport, or without one."""
    columns = {"payload": pa.array([payload(n) for n in range(start, start + count)], pa.binary())}
    if timed:
        times = [BEGAN + dt.timedelta(seconds=n, milliseconds=n % 7) for n in range(start, start + count)]
        columns["ingest_time"] = pa.array(times, pa.timestamp("us", "UTC"))
    return pa.table(columns)


def lines(count: int) -> bytes:
    """The same as lines; null and empty readings become empty lines."""
    return b"".join((payload(n) or b"") + b"\n" for n in range(count))


class Died(BaseException):
    """What a run raises where it is told to die: nothing in it may catch and go on."""


class Fuse:
    """Counts the steps of a run, and calls `die` at one of them; `steps` are their names."""

    def __init__(self, at: int = 0, die: Callable[[], None] | None = None) -> None:
        self.steps: list[str] = []
        self._at = at
        self._die = die or self._raise

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) == self._at:
            self._die()

    def _raise(self) -> None:
        raise Died(self.steps[-1])


class Fused:
    """A sink or a ledger that steps before and after each of its commits."""

    def __init__(self, inner: Any, name: str, fuse: Fuse) -> None:
        self._inner = inner
        self._name = name
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _stepped(self, work: Callable[..., None], *arguments: Any) -> None:
        self._fuse.step(f"before {self._name}")
        work(*arguments)
        self._fuse.step(f"after {self._name}")

    def write(self, *arguments: Any) -> None:
        self._stepped(self._inner.write, *arguments)

    def declare(self, *arguments: Any) -> None:
        self._stepped(self._inner.declare, *arguments)

    def ledger(self) -> Any:
        return Fused(self._inner.ledger(), "ledger", self._fuse)


@dataclasses.dataclass(frozen=True)
class Stage:
    """Sinks of one kind in a folder, and what can be done with them."""

    folder: Path
    kind: str = "memory"
    accepted: Sequence[str] = ("accepted",)
    quarantine: Sequence[str] = ("quarantine",)

    @property
    def place(self) -> Place:
        return Place("test", self.folder, self.folder / "state")

    def options(self, name: str) -> dict[str, str]:
        """Those of the sink `name`; tables of DuckDB share a file."""
        kinds = {
            "delta": {"path": name},
            "parquet": {"path": name},
            "jsonl": {"path": f"{name}.jsonl"},
            "duckdb": {"path": "store.duckdb", "table": name},
            "memory": {"name": f"{self.folder}/{name}"},
        }
        return kinds[self.kind]

    def sink(self, name: str) -> Sink:
        kind = _connector(self.kind, "Sink")
        return kind(kind.Options(**self.options(name)), self.place)

    def source(self, kind: str, **options: Any) -> Source:
        made = _connector(kind, "Source")
        return made(made.Options(**options), self.place)

    def memory(self, records: Any) -> Source:
        """A source of these records, always of the same name."""
        return self.source("memory", records=records)

    def job(
        self,
        source: Source,
        by: Contract | None = None,
        fuse: Fuse | None = None,
        patience: dt.timedelta = dt.timedelta(0),
        **limits: Any,
    ) -> Job:
        fuse = fuse or Fuse()
        return Job(
            pipeline="test",
            contract=by or contract(),
            source=source,
            accepted=tuple(Fused(self.sink(name), name, fuse) for name in self.accepted),
            quarantine=tuple(Fused(self.sink(name), name, fuse) for name in self.quarantine),
            state=self.folder / "state",
            epoch=EpochLimits(**limits),
            patience=patience,
        )

    def run(
        self,
        source: Source,
        *,
        by: Contract | None = None,
        fuse: Fuse | None = None,
        threads: int = 1,
        watch: Callable[[Progress], None] = lambda progress: None,
        stop: threading.Event | None = None,
        **limits: Any,
    ) -> Summary:
        """One run of the embedded engine, closed at its end however it ends."""
        job = self.job(source, by, fuse, **limits)
        try:
            return Engine(EngineOptions(threads=threads)).run(job, watch, stop or threading.Event())
        finally:
            for part in (*job.accepted, *job.quarantine, source):
                part.close()

    def held(self, name: str) -> pa.Table:
        """The rows of a sink by partition and offset, columns in the order of their names."""
        sink = self.sink(name)
        batches = list(sink.rows())
        sink.close()
        if not batches:
            return pa.table({"_stillwell": pa.array([], pa.struct({"partition": pa.int32(), "offset": pa.int64()}))})
        table = pa.Table.from_batches(batches).combine_chunks()
        trace = table["_stillwell"]
        places = pa.table({"p": pc.struct_field(trace, "partition"), "o": pc.struct_field(trace, "offset")})
        order = pc.sort_indices(places, [("p", "ascending"), ("o", "ascending")])
        return table.take(order).select(sorted(table.column_names))

    def offsets(self, name: str) -> list[tuple[int, int]]:
        """Partition and offset of every row of a sink, in order."""
        return [(one["partition"], one["offset"]) for one in self.held(name)["_stillwell"].to_pylist()]

    def everywhere(self) -> list[tuple[int, int]]:
        """Partition and offset of every row of the first two sinks together, in order."""
        return sorted(self.offsets(self.accepted[0]) + self.offsets(self.quarantine[0]))

    def audit(self, source: Source | None) -> Audited:
        """What an audit from new objects says."""
        ledger = self.sink(self.accepted[0]).ledger()
        intents = ledger.intents()
        form = source.format if source else None
        if source:
            source.open()
        kernels = [Kernel(contract(), format=form, threads=1)]

        def make(by: Contract) -> Kernel:
            kernels.append(Kernel(by, format=form, threads=1))
            return kernels[-1]

        sinks = {name: self.sink(name) for name in (*self.accepted, *self.quarantine)}
        try:
            return Audit(
                intents,
                {name: sinks[name] for name in self.accepted},
                {name: sinks[name] for name in self.quarantine},
                source,
                Rejudge(ledger, kernels[0], make, Memory(contract())),
            ).run()
        finally:
            for one in (*sinks.values(), *kernels, *([source] if source else [])):
                one.close()


@functools.cache
def _connector(name: str, side: str) -> Any:
    return find("connectors", name, side)


def timeless(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows without their ingest time, which is the clock of an intent where a source has none."""
    plain = rows.to_pylist()
    for row in plain:
        del row["_stillwell"]["ingest_time"]
    return plain


# Processes are forked from one that has imported everything and started no thread: each begins at once.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["deltalake", "stillwell.engines.embedded", *(f"stillwell.connectors.{k}" for k in DURABLE)]
)


class Forked:
    """The run of a stage in a process of its own; `ready` once it begins."""

    def __init__(self, stage: Stage, **told: Any) -> None:
        self._pipe, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(
            target=_perform, args=(theirs, stage.folder, stage.kind), kwargs=told, daemon=True
        )
        self._process.start()
        theirs.close()
        assert self._pipe.poll(60)
        assert self._pipe.recv() == "ready"

    def kill(self) -> bool:
        """Kill it, now; False if it had ended by itself already."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode == -signal.SIGKILL

    def ended(self) -> dict[str, int]:
        """Wait for its end; counts of its summary, and its exit code as `code`."""
        said: dict[str, int] = {}
        with contextlib.suppress(EOFError):
            assert self._pipe.poll(120), "it hangs"
            said = self._pipe.recv()
        self._process.join()
        return {**said, "code": self._process.exitcode or 0}


def _perform(
    pipe: Any,
    folder: Path,
    kind: str,
    source: tuple[str, Mapping[str, Any]],
    epoch: int,
    threads: int = 1,
    die_at: int = 0,
    days: int = 0,
    zone: str = "UTC",
) -> None:
    os.environ["TZ"] = zone
    time.tzset()

    class Moved(dt.datetime):
        """The wall clock of a machine whose date was set."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + dt.timedelta(days=days)

    class Calendar:
        datetime, UTC = Moved, dt.UTC

    if days:
        flow.dt = Calendar  # type: ignore[assignment]
    stage = Stage(folder, kind)
    name, options = source
    pipe.send("ready")
    told = stage.source(name, **options)
    fuse = Fuse(die_at, lambda: os._exit(9))
    summary = stage.run(told, fuse=fuse, threads=threads, records=epoch, wait=dt.timedelta(seconds=0.2))
    pipe.send({"read": summary.read, "recovered": summary.recovered, "epochs": summary.epochs})
