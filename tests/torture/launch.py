"""Runs the real command line, which dies or stands still at a step of an epoch; a note tells what was open then.

    python -m tests.torture.launch '{"note": FILE, "step": NAME, "nth": N, "end": "SIGKILL"}' run PIPELINE …

The steps: `read`, `judged`, `before` and `after` each of `ledger`, `quarantine` and `accepted`, `committed` (the offsets,
to the group); `checked NAME`, when the marks of a Delta table were found good and its rows are not written yet; and in recovery
`read again` and `judged again`. Without a step it only takes notes. `clock`: a file that says by how many seconds the wall
clock is wrong, at any time. `hold`: a file that it waits for before it begins.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stillwell.cli import _pipeline, main
from stillwell.connectors.delta import table
from stillwell.delivery import recovery
from stillwell.engines.embedded import flow
from stillwell.kernel import Kernel
from stillwell.pipeline.plan import Plan


class Fuse:
    """Counts steps and records. `read` are those handed out since the last seek, `done` those that all sinks hold."""

    def __init__(self, note: str, step: str = "", nth: int = 1, end: str = "SIGKILL", rows: int = 0) -> None:
        self._note = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._step, self._left, self._end, self._rows = step, nth, signal.Signals[end], rows
        self._lock = threading.Lock()
        self.read = self.done = 0
        self.again = False

    def step(self, name: str) -> None:
        """One step: note it, and end here if this is the one; from then on nothing of this process goes on."""
        with self._lock:
            self._say(name)
            if name != self._step or self.read - self.done <= self._rows:
                return
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), self._end)
                # The signal is delivered to whichever thread; none may take another step before it is.
                threading.Event().wait(0.5)

    def _say(self, name: str) -> None:
        """What is written stays when the process is killed: the page belongs to the system."""
        told = {"step": name, "read": self.read, "done": self.done, "open": self.read > self.done}
        os.pwrite(self._note, json.dumps(told).ljust(200).encode(), 0)


def stepped(work: Callable[..., Any], fuse: Fuse, name: str, then: Callable[..., None]) -> Callable[..., Any]:
    """`work`, with a step before and after it; `then` sees its arguments in between."""

    def do(*arguments: Any) -> Any:
        fuse.step(f"before {name}")
        found = work(*arguments)
        then(*arguments)
        fuse.step(f"after {name}")
        return found

    return do


def fused(plan: Plan, fuse: Fuse) -> Plan:
    """The same plan: its parts are the real ones, and step where they read, judge, declare, write and commit."""
    job = plan.job
    _source(job.source, fuse)
    for sink, name in (*((one, "quarantine") for one in job.quarantine), *((one, "accepted") for one in job.accepted)):
        sink.write = stepped(sink.write, fuse, name, _done(fuse) if name == "accepted" else _nothing)
    make = job.accepted[0].ledger

    def ledger() -> Any:
        made = make()
        made.declare = stepped(made.declare, fuse, "ledger", _nothing)
        return made

    job.accepted[0].ledger = ledger
    _kernel(fuse)
    _tables(fuse)
    return dataclasses.replace(plan, job=job)


def _nothing(*_: Any) -> None:
    """Nothing to see."""


def _done(fuse: Fuse) -> Callable[..., None]:
    def done(_rows: Any, marks: Any) -> None:
        fuse.done += sum(step.next - step.expected for step in marks.values())

    return done


def _source(source: Any, fuse: Fuse) -> None:
    seek, read = source.seek, source.read

    def sought(positions: Any) -> None:
        seek(positions)
        fuse.read = fuse.done = 0

    def taken(records: int) -> Any:
        chunk = read(records)
        if chunk is not None and len(chunk.table):
            fuse.read += len(chunk.table)
            if not fuse.again:
                fuse.step("read")
        return chunk

    source.seek, source.read = sought, taken
    if hasattr(source, "committed"):
        tell = source.committed

        def told(ends: Any) -> None:
            tell(ends)
            fuse.step("committed")

        source.committed = told


def _kernel(fuse: Fuse) -> None:
    judge, read_again = Kernel.judge, recovery.read_again

    def judged(*arguments: Any) -> Any:
        found = judge(*arguments)
        fuse.step("judged again" if fuse.again else "judged")
        fuse.again = False
        return found

    def again(*arguments: Any) -> Any:
        fuse.again = True
        found = read_again(*arguments)
        fuse.step("read again")
        return found

    Kernel.judge, recovery.read_again = judged, again


def _tables(fuse: Fuse) -> None:
    check, append = table.moved, table.Table.append
    names: list[str] = []

    def moved(*arguments: Any) -> Any:
        found = check(*arguments)
        fuse.step(f"checked {names[-1]}")
        return found

    def appended(self: table.Table, *arguments: Any, **options: Any) -> None:
        names.append(self.path.name)
        append(self, *arguments, **options)

    table.moved, table.Table.append = moved, appended


def _clock(file: Path) -> None:
    """From now on the wall clock of this process is wrong, by whatever the file says."""
    right = time.time

    def wrong() -> float:
        return right() + float(file.read_text() or 0)

    class Wrong(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.fromtimestamp(wrong(), tz)

    class Calendar:
        datetime, UTC = Wrong, dt.UTC

    time.time, flow.dt = wrong, Calendar


def _hold(file: Path) -> None:
    """Wait for a file, with everything that takes long to import at hand."""
    for name in ("deltalake", "confluent_kafka.admin", "duckdb", "stillwell.connectors.kafka"):
        importlib.import_module(name)
    while not file.exists():
        time.sleep(0.02)


def launch(told: str, arguments: list[str]) -> None:
    """Install the fuse, and be the command line."""
    options = json.loads(told)
    if "clock" in options:
        _clock(Path(options.pop("clock")))
    if "hold" in options:
        _hold(Path(options.pop("hold")))
    fuse, plan = Fuse(**options), _pipeline.plan
    _pipeline.plan = lambda *given, **named: fused(plan(*given, **named), fuse)
    sys.argv = ["stillwell", *arguments]
    main()


if __name__ == "__main__":
    launch(sys.argv[1], sys.argv[2:])
