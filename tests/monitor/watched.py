"""A small pipeline that is watched: readings of a few sensors a minute, epochs of as many records as one likes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.connectors.base import Place
from stillwell.connectors.memory import Source, SourceOptions
from stillwell.engines.base import Summary
from stillwell.monitor.base import Finding
from stillwell.monitor.store.told import told
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import Plan, plan
from stillwell.pipeline.run import run

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)

CONTRACT = """\
contract: readings
version: 1.0.0
key: sensor
time: at
fields:
  sensor: {type: string, required: true}
  at:     {type: timestamp, required: true}
  value:  {type: double, max: 100}
"""
VOLUME = "windows:\n  minute: {every: 1m, rules: {volume: {measure: count, min: 6}}}\n"


def reading(
    seconds: float, sensor: Any = "a", value: Any = 1.0, *, taken: float | None = None
) -> tuple[bytes, dt.datetime]:
    """A payload with its event time, and when it was taken in: at once, or so many seconds after the beginning."""
    at = BEGAN + seconds * SECOND
    payload = json.dumps({"sensor": sensor, "at": at.isoformat(), "value": value}).encode()
    return payload, BEGAN + (seconds if taken is None else taken) * SECOND


def every(
    step: float, until: float, *, start: float = 0, sensor: str = "a", value: float = 1.0
) -> list[tuple[bytes, dt.datetime]]:
    """Readings of a sensor that come regularly."""
    count = int((until - start) / step)
    return [reading(start + number * step, sensor, value) for number in range(count)]


class Watched:
    """A folder with the pipeline; records are those that `give` gave so far, in the order in which it did."""

    def __init__(
        self, folder: Path, windows: str = VOLUME, *, epoch: int = 10, monitor: str = "{store: sqlite}"
    ) -> None:
        self.folder, self.epoch = folder, epoch
        self._records: list[tuple[bytes, dt.datetime]] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "in.jsonl").touch()
        (folder / "pipeline.yml").write_text(
            "pipeline: readings\ncontract: contract.yml\nsource: {files: {path: in.jsonl}}\n"
            f"accepted: {{memory: {{name: {folder}/accepted}}}}\nquarantine: {{memory: {{name: {folder}/quarantine}}}}\n"
            f"monitor: {monitor}\n"
        )
        self.expect(windows)

    def expect(self, windows: str) -> None:
        """What the contract says of windows from now on."""
        (self.folder / "contract.yml").write_text(CONTRACT + windows)

    def give(self, records: Iterable[tuple[bytes, dt.datetime]]) -> None:
        """More records."""
        self._records += records

    def plan(self) -> Plan:
        """The plan, whose source has the records that were given."""
        made = plan(load(self.folder / "pipeline.yml"))
        payloads, times = zip(*self._records, strict=True) if self._records else ((), ())
        records = pa.table(
            {"payload": pa.array(payloads, pa.binary()), "ingest_time": pa.array(times, pa.timestamp("us", "UTC"))}
        )
        source = Source(SourceOptions(records=records), Place("readings", self.folder, made.job.state))
        limits = dataclasses.replace(made.job.epoch, records=self.epoch)
        return dataclasses.replace(made, job=dataclasses.replace(made.job, source=source, epoch=limits))

    def run(self) -> Summary:
        """One run to the end of what was given."""
        return run(self.plan())

    def findings(self, *, every_revision: bool = False) -> list[Finding]:
        """What the store says."""
        made = self.plan()
        assert made.monitor is not None
        made.monitor.open()
        try:
            return told(made.monitor.store, every_revision=every_revision)
        finally:
            made.monitor.close()

    def query(self, text: str, *given: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the store."""
        made = self.plan()
        assert made.monitor is not None
        made.monitor.open()
        try:
            return made.monitor.store.query(text, *given)
        finally:
            made.monitor.close()


def minutes(found: Sequence[Finding]) -> list[int]:
    """When windows begin, in minutes after the beginning."""
    return [(one.start - round(BEGAN.timestamp() * 1e6)) // 60_000_000 for one in found]
