"""Streams that every engine reads: a contract and records, drawn from one number, the same ones every time.

A stream is a case (`tests.cases.case`). Every fourth is of sensors, every fourth of delimited text, the others of JSON;
all but those of sensors are by the generator of `fuzz/`, its contracts eased until some records are accepted.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from stillwell.connectors.base import Place
from stillwell.connectors.generator import KINDS
from stillwell.connectors.generator import Source as Generator
from stillwell.contract.load import parse
from stillwell.kernel import Format, Kernel
from stillwell.kernel.base import Judged
from tests.cases.case import Case, Run
from tests.fuzz import contracts, payloads
from tests.fuzz.contracts import Spec
from tests.kernel.records import CLOCK
from tests.parity.stage import PARTITIONS

SENSORS = Path(__file__).parents[2] / "examples" / "sensors"
SAMPLE, ENOUGH, STEPS = 300, 0.4, 12
"""A contract is eased, at most so many times, until so many of a sample of records are accepted."""


def drawn(seed: int, number: int, count: int, *, history: bool = False, now: dt.datetime = CLOCK) -> Case:
    """Stream `number` of a seed, with so many records, which are taken in from `now` on.

    With `history` its contract has rules over it, where it can have some.
    """
    draw = random.Random(f"parity/{seed}/{number}")
    name = f"s{seed}-{number:03}"
    if number % 4 == 0:
        text = (SENSORS / ("history.yml" if history else "contract.yml")).read_text()
        return _case(name, text, *_sensors(seed + number, count, now), now)
    kind = "csv" if number % 4 == 3 else "json"
    spec = _without_stops(contracts.contract(draw, kind))
    form = payloads.form(draw, spec) if kind == "csv" else Format("json")
    records = [_record(draw, spec, form) for _ in range(count)]
    spec = _eased(spec, form, records[:SAMPLE])
    times = [field for field, one in spec["fields"].items() if one["type"] == "timestamp"]
    if times and draw.random() < 0.5:
        spec["time"] = draw.choice(times)
    spec = (contracts.sequence(draw, spec) if history else {}) or spec
    keys = [draw.choice([None, b"s_001", b"12", b"abc", b"\xff", b""]) for _ in records]
    partitions = [draw.randrange(PARTITIONS) for _ in records]
    told = {"csv": form.options} if kind == "csv" else "json"
    return _case(name, contracts.text(spec), records, keys, partitions, now, told)


def judged(case: Case, text: str | None = None) -> Judged:
    """What the kernel says of a stream in this process, by its contract or by another one."""
    kernel = Kernel(parse(text or case.texts[0]), format=case.format, threads=1)
    try:
        return kernel.judge(case.arrivals, CLOCK)
    finally:
        kernel.close()


def _record(draw: random.Random, spec: Spec, form: Format) -> bytes | None:
    return payloads.csv_record(draw, spec, form) if form.name == "csv" else payloads.json_record(draw, spec)


def _sensors(seed: int, count: int, now: dt.datetime) -> tuple[list[bytes | None], list[bytes | None], list[int]]:
    """Records of sensors of which every third is faulty; a sensor is in one partition."""
    options = Generator.Options(
        rows=count, sensors=50, partitions=PARTITIONS, seed=seed, start=now - dt.timedelta(minutes=count / 50),
        faults={kind: 0.005 if kind == "gap" else 0.025 for kind in KINDS},
    )  # fmt: skip
    generator = Generator(options, Place("parity", SENSORS, SENSORS))
    tables = []
    while chunk := generator.read(count):
        tables.append(chunk.table)
    table = pa.concat_tables(tables)
    return table["payload"].to_pylist(), [None] * len(table), table["partition"].to_pylist()


def _without_stops(spec: Spec) -> Spec:
    """With `reject` for `fail`: where a run stops depends on epochs, and what becomes of records then is in the cases."""
    if isinstance(spec, list):
        return [_without_stops(one) for one in spec]
    if not isinstance(spec, dict):
        return spec
    found = {key: _without_stops(one) for key, one in spec.items() if not (key == "fail" and isinstance(one, dict))}
    return {**found, "severity": "reject"} if found.get("severity") == "fail" else found


def _eased(spec: Spec, form: Format, sample: list[bytes | None]) -> Spec:
    """The contract without the rules that reject most, until enough is accepted."""
    case = _case("sample", "", sample, [None] * len(sample), [0] * len(sample), CLOCK)
    for _ in range(STEPS):
        kernel = Kernel(contracts.load(spec), format=form, threads=1)
        said = kernel.judge(case.arrivals, CLOCK)
        kernel.close()
        if len(said.accepted) >= ENOUGH * len(sample):
            break
        broken = Counter(one["rule"] for row in said.quarantined["reasons"].to_pylist() for one in row)
        for rule, _ in broken.most_common(2):
            spec = contracts.eased(spec, rule)
    return spec


def _case(
    name: str, text: str, records: list[bytes | None], keys: list[bytes | None], partitions: list[int],
    now: dt.datetime, told: object = "json",
) -> Case:  # fmt: skip
    """Offsets count up in each partition, as those of a topic do."""
    dealt = np.array(partitions, np.int32)
    offsets = np.zeros(len(records), np.int64)
    for partition in range(PARTITIONS):
        here = dealt == partition
        offsets[here] = np.arange(here.sum())
    first = int(now.timestamp() * 1000)
    arrivals = {
        "partition": pa.array(dealt),
        "offset": pa.array(offsets),
        "ingest_time": pa.array((first + np.arange(len(records))) * 1000).cast(pa.timestamp("us", tz="UTC")),
        "payload": pa.array(records, pa.binary()),
        "key": pa.array(keys, pa.binary()),
    }
    return Case(name, (text,), pa.table(arrivals), (Run(len(records)),), json.dumps(told))
