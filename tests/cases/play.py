"""Plays cases on an engine: each run as its own job over the arrivals so far, into Parquet files and their ledger."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stillwell._find import find
from stillwell.connectors.base import Place, Sink
from stillwell.connectors.parquet import Sink as ParquetSink
from stillwell.connectors.parquet import SinkOptions
from stillwell.contract.load import parse
from stillwell.engines._features import FEATURES
from stillwell.engines.base import Engine, EpochLimits, Job, Summary
from stillwell.kernel.tally import Tally
from tests.cases.arrivals import Source, SourceOptions
from tests.cases.case import Case, Run, cases
from tests.cases.outcome import Outcome, outcome


class Died(Exception):
    """The run was to die here."""


class Dying:
    """A sink whose first write is the end of its run."""

    def __init__(self, inner: Sink) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *_: object) -> None:
        raise Died


def for_engine(name: str) -> list[Case]:
    """The cases that an engine takes: it refuses none of their contracts."""
    engine = find("engines", name, "Engine")
    return [case for case in cases() if not _refuses(engine, case)]


def _refuses(engine: Any, case: Case) -> bool:
    jobs = [job_of(case, run, Path()) for run in case.runs]
    return any("contract" in FEATURES[feature].asked(job) for feature in engine.cannot for job in jobs)


def played(case: Case, engine: Engine, folder: Path, limits: EpochLimits | None = None) -> Outcome:
    """What becomes of a case on an engine; `folder` is its own. A run that a rule stopped is started again."""
    folder.mkdir(parents=True)
    pq.write_table(case.arrivals, folder / "arrivals.parquet")
    tallies: list[Tally] = []
    stops: list[str] = []
    for run in case.runs:
        while True:
            summary = _run(case, run, engine, folder, limits or EpochLimits(wait=dt.timedelta(seconds=0.2)))
            if summary is not None and summary.tally is not None:
                tallies.append(summary.tally)
            if summary is None or summary.stopped is None:
                break
            stops.append(summary.stopped.rule)
    job = job_of(case, case.runs[-1], folder)
    return outcome(
        rows(job.accepted[0]),
        rows(job.quarantine[0]),
        job.accepted[0].ledger().intents(),
        tallies[0].merge(*tallies[1:]) if tallies else None,
        stops,
    )


def job_of(case: Case, run: Run, folder: Path, limits: EpochLimits | None = None) -> Job:
    """The job of one run; all runs of a case share a folder with `arrivals.parquet`."""
    place = Place(case.id, folder, folder / "state")
    options = SourceOptions(path=str(folder / "arrivals.parquet"), upto=run.upto, format=json.loads(case.told))
    another = partial(Source, options, place)
    accepted, quarantine = (
        ParquetSink(SinkOptions(path=name, compression="none"), place) for name in ("accepted", "quarantine")
    )
    return Job(
        pipeline=case.id,
        contract=parse(case.texts[run.contract]),
        source=another(),
        accepted=(accepted,),
        quarantine=(quarantine,),
        state=place.state,
        epoch=limits or EpochLimits(),
        keys=case.keys,
        another=another,
    )


def rows(sink: Sink) -> Sequence[dict[str, Any]]:
    """All that a sink holds, as plain rows."""
    return [row for batch in sink.rows() for row in batch.to_pylist()]


def _run(case: Case, run: Run, engine: Engine, folder: Path, limits: EpochLimits) -> Summary | None:
    job = job_of(case, run, folder, limits)
    if run.dies:
        job = Job(**{**job.__dict__, "accepted": tuple(Dying(one) for one in job.accepted)})
    try:
        return engine.run(job, lambda _progress: None, threading.Event())
    except Died:
        assert run.dies
        return None
    finally:
        job.source.close()
