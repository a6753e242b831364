"""A pipeline of numbers whose contract changes, for tests of its quarantine: what is good is said by one limit."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.connectors.base import Erasable
from stillwell.contract.load import load as load_contract
from stillwell.delivery.audit import Audited
from stillwell.delivery.selection import Selection
from stillwell.engines.base import Summary
from stillwell.pipeline.audit import audit
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import Plan, plan
from stillwell.pipeline.quarantine.listing import Listing, listed
from stillwell.pipeline.quarantine.replay import Done, expire_from, replay_out
from stillwell.pipeline.run import run
from tests.delivery.stage import Fuse, Fused

_CONTRACT = """\
contract: numbers
version: {version}
fields:
  sensor: {{type: string, required: true}}
  value:  {{type: double, required: true, max: {most}, warn: {{max: 5}}}}
"""
KINDS = {
    "memory": "{{memory: {{name: {folder}/{name}}}}}",
    "delta": "{{delta: {{path: {name}}}}}",
    "parquet": "{{parquet: {{path: {name}}}}}",
    "jsonl": "{{jsonl: {{path: {name}.jsonl}}}}",
    "duckdb": "{{duckdb: {{path: store.duckdb, table: {name}}}}}",
}
Place = tuple[int, int]


class Stepped(Fused):
    """A sink that steps before and after each of its commits, and so does what is beside it."""

    def beside(self, name: str) -> Any:
        return stepped(self._inner.beside(name), name, self._fuse)


class SteppedErasable(Stepped):
    """One from which rows can be removed."""

    def erase(self, places: pa.Table) -> None:
        self._stepped(self._inner.erase, places)


def stepped(sink: Any, name: str, fuse: Fuse) -> Any:
    return (SteppedErasable if isinstance(sink, Erasable) else Stepped)(sink, name, fuse)


class Bench:
    """A folder with the pipeline `numbers`: lines of a file, judged in epochs of ten; `sinks` are other ones."""

    def __init__(
        self, folder: Path, kind: str = "memory", most: int = 10, *, there: bool = False, **sinks: str
    ) -> None:
        self.folder, self.kind = folder, kind
        self._reading: Plan | None = None
        if there:
            return
        folder.mkdir(parents=True, exist_ok=True)
        places = {name: KINDS[kind].format(folder=folder, name=name) for name in ("accepted", "quarantine")} | sinks
        (folder / "pipeline.yml").write_text(
            "pipeline: numbers\ncontract: contract.yml\nsource: {files: {path: in.jsonl}}\nepoch: {records: 10}\n"
            + "".join(f"{name}: {text}\n" for name, text in places.items())
        )
        (folder / "in.jsonl").touch()
        self.most(most)

    def most(self, most: int) -> None:
        """From now on the contract lets pass what is at most this."""
        (self.folder / "contract.yml").write_text(_CONTRACT.format(version=f"1.{most}.0", most=most))

    def add(self, values: Sequence[float | None]) -> None:
        """Lines with these values; None is a line that is broken."""
        with (self.folder / "in.jsonl").open("a") as file:
            for value in values:
                line = json.dumps({"sensor": f"s{value}", "value": value}) if value is not None else '{"sensor'
                file.write(line + "\n")

    def plan(self, fuse: Fuse | None = None) -> Plan:
        made = plan(load(self.folder / "pipeline.yml"))
        if fuse is None:
            return made
        sinks = {
            side: tuple(stepped(sink, side, fuse) for sink in getattr(made.job, side))
            for side in ("accepted", "quarantine")
        }
        return dataclasses.replace(made, job=dataclasses.replace(made.job, **sinks))

    def run(self, fuse: Fuse | None = None) -> Summary:
        return run(self.plan(fuse))

    def replay(self, *where: str, fuse: Fuse | None = None, most: int | None = None) -> list[Done]:
        """What a replay did; `most` is that of another contract than the pipeline's."""
        other = None
        if most is not None:
            path = self.folder / "other.yml"
            path.write_text(_CONTRACT.format(version=f"2.{most}.0", most=most))
            other = load_contract(path)
        return replay_out(self.plan(fuse), Selection.parse(where), other)

    def expire(self, *where: str, fuse: Fuse | None = None) -> list[Done]:
        return expire_from(self.plan(fuse), Selection.parse(where))

    def audit(self, *, without_source: bool = False) -> Audited:
        return audit(self.plan(), without_source=without_source)

    def listed(self, *where: str) -> Listing:
        return listed(self.plan(), Selection.parse(where))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What a sink holds: accepted, quarantine or outcomes."""
        if self._reading is None:
            self._reading = self.plan()
        job = self._reading.job
        sinks: dict[str, Callable[[], Any]] = {
            "accepted": lambda: job.accepted[0],
            "quarantine": lambda: job.quarantine[0],
            "outcomes": partial(job.quarantine[0].beside, "outcomes"),  # type: ignore[attr-defined]
        }
        sink = sinks[name]()
        try:
            return [row for batch in sink.rows() for row in batch.to_pylist()]
        finally:
            sink.close()

    def places(self, name: str, *, via: str | None = "", outcome: str = "") -> list[Place]:
        """Partition and offset of what a sink holds, in order: by one replay (None: by none), of one outcome."""
        rows = self.rows(name)
        if via != "":
            rows = [row for row in rows if row["_stillwell"]["via"] == via]
        return _places(row for row in rows if not outcome or row["outcome"] == outcome)

    def sound(self, *, settled: bool = False) -> None:
        """What must hold whenever nobody is at work, seen without the code that is tested.

        When nothing is left half done, replayed rows are those that passed, and expired ones are gone.
        """
        rows, outcomes = self.rows("accepted"), self.rows("outcomes")
        quarantine = _places(self.rows("quarantine"))
        straight = _places(row for row in rows if row["_stillwell"]["via"] is None)
        replayed = _places(row for row in rows if row["_stillwell"]["via"] is not None)
        passed, expired = (
            _places(row for row in outcomes if row["outcome"] == outcome) for outcome in ("passed", "expired")
        )
        for held in (straight, replayed, quarantine, passed, expired):
            assert len(held) == len(set(held)), "a record is there twice"
        ever = {*quarantine, *expired}
        assert not set(straight) & ever
        assert set(replayed) <= set(passed) <= ever
        lines = (self.folder / "in.jsonl").read_bytes().splitlines()
        assert {*straight, *ever} <= {(0, number) for number in range(len(lines))}
        if settled:
            assert replayed == passed
            assert not set(quarantine) & set(expired)
            assert {*straight, *ever} == {(0, number) for number in range(len(lines))}


def killed(bench: Bench, verb: str, at: int, *where: str) -> int:
    """The exit code of a process that does this and dies at a step: 9."""
    process = _FORKS.Process(target=_perform, args=(bench.folder, bench.kind, verb, at, where), daemon=True)
    process.start()
    process.join(120)
    return process.exitcode or 0


_FORKS = multiprocessing.get_context("forkserver")


def _perform(folder: Path, kind: str, verb: str, at: int, where: Sequence[str]) -> None:
    getattr(Bench(folder, kind, there=True), verb)(*where, fuse=Fuse(at, lambda: os._exit(9)))


def _places(rows: Iterable[dict[str, Any]]) -> list[Place]:
    return sorted((row["_stillwell"]["partition"], row["_stillwell"]["offset"]) for row in rows)
