"""What one task does: reads its part of an epoch, judges it here, stages the rows, and reports the rest."""

from __future__ import annotations

import os
import socket
import time
import uuid

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.base import Source, Split
from stillwell.contract.load import parse
from stillwell.delivery.memory import Memory
from stillwell.delivery.retry import PASSING
from stillwell.delivery.saves import Saved
from stillwell.delivery.slice import Gap, Position
from stillwell.engines._gather import Epoch, Gatherer
from stillwell.engines._taken_up import VERSIONS
from stillwell.engines.spark.recipe import Part, Recipe, Report
from stillwell.engines.spark.staging import Staging
from stillwell.errors import ConnectorError, StillwellError
from stillwell.kernel import Judged, Kernel


class _Held:
    """What a worker process keeps from task to task: a kernel; source and memory, which may stand where it goes on."""

    def __init__(self, recipe: Recipe) -> None:
        self.folder = recipe.folder
        self.judged = 0
        self.source: Source | None = None
        self.at: dict[int, Position] | None = None
        source = recipe.another()
        contract = parse(recipe.contract)
        self.memory = Memory(contract, recipe.state, recipe.keys) if contract.sequence else None
        self.kernel = Kernel(
            contract,
            format=source.format,
            window=recipe.window,
            group=recipe.group,
            hash_key=recipe.hash_key,
            threads=recipe.threads,
            memory=recipe.memory,
        )

    def close(self) -> None:
        """Give it back."""
        self.let_go()
        self.kernel.close()

    def let_go(self) -> None:
        """Close the source."""
        if self.source is not None:
            self.source.close()
        self.source, self.at = None, None

    def source_at(self, recipe: Recipe, part: Part) -> Source:
        """The source, where the part begins: it goes on if it stands there."""
        source, at = self.source, self.at
        # Until the task has ended well, nobody knows where the source stands.
        self.at = None
        if source is None:
            self.source = source = recipe.another()
            source.open()
        if at is None or at != dict(part.positions):
            if part.only:
                assert isinstance(source, Split)
                source.seek_only(part.positions)
            else:
                source.seek(part.positions)
        return source


_held: _Held | None = None
_PAUSE = 0.5

AWAY = PASSING | {"refused"}
"""Codes of errors after which a source may be there again: brokers that start refuse what they will soon know."""


def perform(recipe: Recipe, part: Part) -> Report:
    """Read, judge and stage one part; an error that a person can do something about is reported, not raised."""
    global _held  # noqa: PLW0603 - a worker process lives on, and its kernel and source with it
    staging = Staging(recipe.folder)
    try:
        if _held is None or _held.folder != recipe.folder:
            if _held is not None:
                _held.close()
            _held = None
            _held = _Held(recipe)
        report = _patient(_held, recipe, part, staging)
    except StillwellError as error:
        report = Report(part, _process(), 0, finished=False, versions=VERSIONS, failure=(type(error), error.problems))
    staging.put_report(report)
    return report


def _patient(held: _Held, recipe: Recipe, part: Part, staging: Staging) -> Report:
    """Try again while what keeps us from reading may pass: nothing was staged of it, and nobody was told."""
    until = time.monotonic() + recipe.patience.total_seconds()
    while True:
        try:
            return _performed(held, recipe, part, staging)
        except ConnectorError as error:
            held.let_go()
            if not {problem.code for problem in error.problems} <= AWAY or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)


def _performed(held: _Held, recipe: Recipe, part: Part, staging: Staging) -> Report:
    source = held.source_at(recipe, part)
    read, gaps = _read(source, recipe)
    finished, lag = source.finished and len(read) < 2, source.lag()
    # What was read behind the epoch has to be read again, and a gap must be met again with the records behind it.
    goes_on = len(read) < 2 and not gaps
    if not read:
        held.at = dict(part.positions) if goes_on else None
        return Report(part, _process(), held.judged, finished, VERSIONS, gaps=gaps, lag=lag)
    epoch = read[0]
    judged, saved = _judged(held, part, epoch)
    attempt = uuid.uuid4().hex
    report = Report(
        part=part,
        process=_process(),
        judged=held.judged,
        finished=finished,
        versions=VERSIONS,
        ends=dict(epoch.ends),
        gaps=(*epoch.gaps, *gaps),
        columns=epoch.columns,
        lag=lag,
        accepted=staging.put_rows(part, attempt, "accepted", judged.accepted),
        quarantined=staging.put_rows(part, attempt, "quarantined", judged.quarantined),
        verdicts=judged.verdicts,
        facts=dict(judged.facts),
        tally=judged.tally,
        saved=saved,
        stop=judged.stop,
    )
    held.at = {**part.positions, **epoch.ends} if goes_on else None
    del read, epoch, judged
    pa.default_memory_pool().release_unused()
    return report


def _judged(held: _Held, part: Part, epoch: Epoch) -> tuple[Judged, Saved]:
    """What the kernel says of a part, by what was remembered where it begins; what is remembered then is saved.

    Each attempt saves under a word of its own, so that one says nothing to another.
    """
    memory, history = held.memory, None
    if memory is not None:
        there = pc.unique(epoch.table["partition"]).to_pylist()
        offsets = {one: part.positions.get(one, Position()).offset for one in there}
        history = memory.stand({one: (offset, part.words.get(one, "")) for one, offset in offsets.items()})
    judged = held.kernel.judge(epoch.table, part.clock, history)
    held.judged += judged.read
    return judged, Saved() if memory is None else memory.save(memory.changes(judged.facts), epoch.ends)


def _read(source: Source, recipe: Recipe) -> tuple[list[Epoch], tuple[Gap, ...]]:
    """An epoch within its limits, or none, or with one more of what was read behind it; gaps with no record yet."""
    gathered: list[Epoch] = []
    gatherer = Gatherer(recipe.limits, gathered.append)
    until = time.monotonic() + recipe.limits.wait.total_seconds()
    while not gathered and not source.finished:
        gatherer.add(source.read(gatherer.wanted))
        if not gatherer.holds and time.monotonic() >= until:
            break
    gatherer.close()
    return gathered, gatherer.gaps


def _process() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"
