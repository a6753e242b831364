"""The folder of a run, which all its processes see: plans, and what tasks staged until it is committed.

    epoch-000000000001/plan.pickle           the parts of the epoch, by whoever plans
                       part-0.pickle         the report of a task; the first of several attempts wins
                       part-0.HEX.accepted   rows that it names, as an Arrow file
                       committed             says that every sink holds the epoch
    stop                                     nothing more is to be planned
    alive                                    touched every few seconds by the process that commits

Nothing here is needed after a crash: what sinks and ledger say is enough to do it again.
"""

from __future__ import annotations

import pickle
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.delivery.durable import link_new, writing
from stillwell.engines.spark.recipe import Part, Report

AHEAD = 2
"""Epochs that may be judged and not be committed yet: they bound what is staged."""

DEAD = 120.0
"""Seconds after which a process that commits and gives no sign is taken to be dead."""


class Staging:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        """Make the folder; those of runs that were killed are in the same place, and go."""
        with writing(self.folder):
            shutil.rmtree(self.folder.parent, ignore_errors=True)
            self.folder.mkdir(parents=True)
            self.alive()

    def end(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def alive(self) -> None:
        """Say that somebody is there to commit."""
        (self.folder / "alive").touch()

    def abandoned(self) -> bool:
        """Whether nobody is."""
        try:
            return time.time() - (self.folder / "alive").stat().st_mtime > DEAD
        except FileNotFoundError:
            return True

    def stop(self) -> None:
        """Let nothing more be planned."""
        (self.folder / "stop").touch()

    def full(self) -> bool:
        """Whether nothing may be planned now: enough waits to be committed, or the run is to stop."""
        waiting = [one for one in self.folder.glob("epoch-*") if not (one / "committed").exists()]
        return len(waiting) >= AHEAD or (self.folder / "stop").exists()

    def put_plan(self, number: int, parts: Sequence[Part]) -> None:
        """Keep the plan of an epoch."""
        self._epoch(number).mkdir(exist_ok=True)
        self._put(self._epoch(number) / "plan.pickle", parts)

    def plan(self, number: int) -> Sequence[Part] | None:
        """The plan of an epoch; None when there is none yet."""
        try:
            parts: Sequence[Part] = _loaded(self._epoch(number) / "plan.pickle")
        except FileNotFoundError:
            return None
        return parts

    def put_rows(self, part: Part, attempt: str, name: str, rows: pa.Table) -> str:
        """Stage rows; the name of their file."""
        path = self._epoch(part.epoch) / f"part-{part.number}.{attempt}.{name}"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows)
        return path.name

    def put_report(self, report: Report) -> bool:
        """Keep the report of a task: False when another attempt was first, which is what counts."""
        return self._put(self._epoch(report.part.epoch) / f"part-{report.part.number}.pickle", report)

    def reports(self, number: int) -> list[Report] | None:
        """The reports of all parts of an epoch; None until all are there."""
        parts = self.plan(number)
        if parts is None:
            return None
        paths = [self._epoch(number) / f"part-{part.number}.pickle" for part in parts]
        if not all(path.exists() for path in paths):
            return None
        return [_loaded(path) for path in paths]

    def rows(self, number: int, names: Sequence[str]) -> pa.Table:
        """Staged rows, mapped into memory."""
        tables = []
        for name in names:
            with pa.memory_map(str(self._epoch(number) / name)) as mapped:
                tables.append(pa.ipc.open_file(mapped).read_all())
        return pa.concat_tables(tables)

    def committed(self, number: int) -> None:
        """Every sink holds an epoch: its rows go, and all of the one before, which nobody plans by any more."""
        for path in self._epoch(number).glob("part-*.*.*"):
            path.unlink(missing_ok=True)
        (self._epoch(number) / "committed").touch()
        shutil.rmtree(self._epoch(number - 1), ignore_errors=True)

    def _epoch(self, number: int) -> Path:
        return self.folder / f"epoch-{number:012d}"

    def _put(self, path: Path, what: object) -> bool:
        written = path.with_name(f".{path.name}.{id(what)}.{time.monotonic_ns()}")
        written.write_bytes(pickle.dumps(what))
        return link_new(written, path)


def _loaded(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301 - the run's own folder, written by its own processes
