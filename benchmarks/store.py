"""What it costs to keep tallies: 30 days of 500 series in the store, and what is asked of them.

A series is one measure of one group; the contract has 50 groups and ten measures. Each minute of each group has 60
records. Two days are kept by the minute, the rest by the hour, as the store does by itself; to be quick, what is older
is added by the hour at once. `ratio_to_judging` is the time in which an epoch of 20 minutes is added to a full store as
a share of the time in which it is judged. `series_ratio` is the time to read one series of 30 days, and `hours_ratio`
that to sum what was read and rejected by the hour over all groups, as shares of a second.

    python benchmarks/store.py [--days N] [--groups N]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from _measure import report, say

from stillwell.contract.load import parse
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position, Slice
from stillwell.kernel import Judged, Kernel
from stillwell.kernel.tally import Tally
from stillwell.monitor.store import Store, StoreOptions
from stillwell.monitor.windows.measure import measured

CONTRACT = """
contract: readings
version: 1.0.0
key: id
time: at
fields:
  id:    {type: string, required: true}
  at:    {type: timestamp, required: true}
  value: {type: double, required: true, min: -40, max: 85}
  other: {type: double, max: 100}
"""
MEASURES = (
    "count", "reject_rate", "null_rate(other)", "mean(value)", "std(value)", "p50(value)", "p99(value)", "max(value)",
    "distinct(other)", "failed(value.range)",
)  # fmt: skip
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MINUTE, DAY = 60_000_000, 86_400_000_000


def records(groups: int, minutes: int, seed: int) -> pa.Table:
    """Of each group one record a second."""
    draw = np.random.default_rng(seed)
    count = groups * minutes * 60
    values = draw.normal(20, 5, count)
    payloads = [
        json.dumps({
            "id": f"k{n % groups}",
            "at": (BEGAN + dt.timedelta(seconds=n // groups)).isoformat(),
            "value": round(values[n], 2) if n % 97 else 1000,
            "other": n % 50,
        }).encode()
        for n in range(count)
    ]  # fmt: skip
    columns = {"partition": pa.array(np.zeros(count, np.int32)), "offset": pa.array(np.arange(count))}
    return pa.table({**columns, "payload": pa.array(payloads, pa.binary())})


def later(tally: Tally, micros: int) -> Tally:
    """The same as if it had happened later."""
    cells = tuple((start + micros, group) for start, group in tally.cells)
    return tally.moved([np.arange(len(cells))], cells, tally.window, tally.group)


def hourly(tally: Tally) -> Tally:
    """The same in one cell a group."""
    groups = sorted({group for _, group in tally.cells})
    begin = min(start for start, _ in tally.cells)
    at = np.array([groups.index(group) for _, group in tally.cells])
    return tally.moved([at], tuple((begin, group) for group in groups), tally.window, tally.group)


def filled(store: Store, judged: Judged, days: int, minutes: int) -> Intent:
    """Fill the store with so many days, the last two by pieces of so many minutes; gives the next intent."""
    begin, at, number = round(BEGAN.timestamp() * 1e6), 0, 0
    hours = hourly(judged.tally)
    while True:
        part = Slice(0, Position(number), Position(number + 1), judged.facts[0])
        clock = BEGAN + dt.timedelta(microseconds=at)
        intent = Intent("bench", "memory", (part,), "digest", {}, clock)
        if at >= days * DAY:
            return intent
        fine = at >= (days - 2) * DAY
        with store.step():
            store.add(intent, later(judged.tally if fine else hours, at))
            at += minutes * MINUTE if fine else 60 * MINUTE
            store.age(begin + at)
        number += 1
        if number % 100 == 0:
            say(f"{at / DAY:.1f} of {days} days, {store.path.stat().st_size / 2**20:.0f} MiB")


def median(work: object, times: int = 5) -> float:
    """Seconds that some work takes."""
    assert callable(work)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[times // 2]


def main() -> None:
    """Fill, measure, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--groups", type=int, default=50)
    given, _ = parser.parse_known_args(sys.argv[1:])
    minutes = 20
    batch = records(given.groups, minutes, 1)
    kernel = Kernel(parse(CONTRACT), group=("id",))
    judged = kernel.judge(batch, BEGAN)
    judging = median(lambda: kernel.judge(batch, BEGAN), 3)
    with tempfile.TemporaryDirectory(prefix="store-") as place:
        store = Store(Path(place) / "monitor.sqlite", StoreOptions())
        store.open()
        intent = filled(store, judged, given.days, minutes)
        end = round(BEGAN.timestamp() * 1e6) + given.days * DAY
        began = time.perf_counter()
        with store.step():
            store.add(intent, later(judged.tally, given.days * DAY))
        adding = time.perf_counter() - began

        def series() -> None:
            tally = store.tally(("id",), end - given.days * DAY, end, group=("k1",))
            assert tally is not None
            measured("p99(value)", tally, np.zeros(len(tally.cells)), np.zeros(len(tally.cells)))

        def hours() -> None:
            store.query("SELECT start / 3600000000, sum(read), sum(quarantined) FROM cells GROUP BY 1")

        one, whole = median(series), median(hours)
        cells = store.query("SELECT count(*) FROM cells")[0][0]
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
        size = store.path.stat().st_size
        store.close()
    figures = {
        "days": given.days,
        "series": given.groups * len(MEASURES),
        "cells": cells,
        "mib": round(size / 2**20, 1),
        "bytes_per_cell": round(size / cells),
        "series_ratio": round(one, 3),
        "hours_ratio": round(whole, 3),
        "ratio_to_judging": round(adding / judging, 3),
    }
    rows = [
        (f"{given.days} days, {given.groups * len(MEASURES)} series ({given.groups} groups, {len(MEASURES)} measures)",
         f"{figures['mib']} MiB, {cells:,} cells of {figures['bytes_per_cell']} bytes"),
        ("one series of all that time, with a quantile, as a share of a second", f"{one:.3f}"),
        ("read and rejected by the hour over all groups, as a share of a second", f"{whole:.3f}"),
        (f"adding an epoch of {len(batch):,} records, as a share of judging it", f"{figures['ratio_to_judging']}"),
    ]  # fmt: skip
    report("store", "What it costs to keep tallies", rows, figures)


if __name__ == "__main__":
    main()
