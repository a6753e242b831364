"""How fast the kernel judges 1 M JSON sensor records by 12 rules, against bare extraction and against models in Python.

The limit is one guarded `json_extract_string(payload, [paths])` over the same Arrow table, given as Arrow: no types,
no rules, no reasons. `ratio_judge` is judging alone (typed values, reasons, split), `ratio_to_extraction` the function
that engines call (also tally and ledger facts), each as a share of the limit's speed. `times_*` say how many times as
fast as a loop of that library over the same payloads with the same 12 rules.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import duckdb
import msgspec
import pyarrow as pa
from _measure import alternate, report, say
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from stillwell.connectors.base import Place
from stillwell.connectors.generator import Source
from stillwell.contract.load import parse
from stillwell.kernel import Kernel

CONTRACT = """
contract: sensor-readings
version: 1.0.0
key: sensor_id
time: timestamp
fields:
  sensor_id:   {type: string, required: true, pattern: 'sensor_[0-9]{3}'}
  timestamp:   {type: timestamp, required: true, max: now + 1m}
  temperature: {type: double, required: true, min: -40, max: 85}
  humidity:    {type: double, required: true, min: 0, max: 100}
  pressure:    {type: double, required: true, min: 800, max: 1100}
rules:
  hot_and_wet: {expect: not (temperature > 60 and humidity > 95), severity: warn}
  dense_cold:  {expect: not (temperature < -35 and pressure > 1095), severity: warn}
"""
RULES = 12
"""A pattern, four ranges, five fields that must be there, two rules over several fields; types are not even counted."""

PATHS = "['$.sensor_id', '$.timestamp', '$.temperature', '$.humidity', '$.pressure']"
SAMPLE = 100_000
NOW = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def records(count: int) -> pa.Table:
    """Readings of a thousand sensors, one a minute each, about one in ten faulty."""
    place = Place("benchmark", Path(), Path())
    source = Source(Source.Options(rows=count, sensors=999, faults=FAULTS), place)
    source.open()
    source.seek({})
    parts = []
    while not source.finished:
        chunk = source.read(50_000)
        if chunk is not None:
            parts.append(chunk.table)
    return pa.concat_tables(parts)


FAULTS = dict.fromkeys(
    ("missing", "null", "outlier", "wrong_type", "bad_timestamp", "bad_id", "malformed", "future"), 0.0125
)


class PydanticReading(BaseModel):
    """The same contract as a pydantic model."""

    sensor_id: Annotated[str, Field(pattern="^sensor_[0-9]{3}$")]
    timestamp: dt.datetime
    temperature: Annotated[float, Field(ge=-40, le=85)]
    humidity: Annotated[float, Field(ge=0, le=100)]
    pressure: Annotated[float, Field(ge=800, le=1100)]

    @field_validator("timestamp")
    @classmethod
    def not_future(cls, value: dt.datetime) -> dt.datetime:
        """No later than a minute after it was taken in."""
        if value > NOW:
            raise ValueError("future")
        return value

    @model_validator(mode="after")
    def together(self) -> PydanticReading:
        """The two rules over several fields (warnings, in the contract)."""
        self.__dict__["warned"] = (self.temperature > 60 and self.humidity > 95) or (
            self.temperature < -35 and self.pressure > 1095
        )
        return self


class MsgspecReading(msgspec.Struct):
    """The same contract as a msgspec struct; the rest is in `by_msgspec`."""

    sensor_id: Annotated[str, msgspec.Meta(pattern="^sensor_[0-9]{3}$")]
    timestamp: dt.datetime
    temperature: Annotated[float, msgspec.Meta(ge=-40, le=85)]
    humidity: Annotated[float, msgspec.Meta(ge=0, le=100)]
    pressure: Annotated[float, msgspec.Meta(ge=800, le=1100)]


def by_pydantic(payloads: list[bytes]) -> int:
    """How many records a pydantic model accepts."""
    good = 0
    for payload in payloads:
        try:
            PydanticReading.model_validate_json(payload)
            good += 1
        except ValidationError:
            pass
    return good


def by_msgspec(payloads: list[bytes]) -> int:
    """How many records a msgspec struct accepts."""
    good = 0
    decode = msgspec.json.Decoder(MsgspecReading).decode
    for payload in payloads:
        try:
            reading = decode(payload)
        except msgspec.DecodeError:
            continue
        warned = (reading.temperature > 60 and reading.humidity > 95) or (
            reading.temperature < -35 and reading.pressure > 1095
        )
        good += reading.timestamp <= NOW or warned
    return good


def main() -> None:
    """Measure, refresh the table, print the figures."""
    count = 1_000_000
    say(f"making {count:,} records …")
    batch = records(count)
    kernel = Kernel(parse(CONTRACT))
    database = duckdb.connect(":memory:")
    database.register("payloads", batch.select(["payload"]))
    guarded = f"CASE WHEN json_valid(p) THEN json_extract_string(p, {PATHS}) END"
    limit = f"SELECT {guarded} AS found FROM (SELECT decode(payload) AS p FROM payloads)"
    sample = batch["payload"].slice(0, SAMPLE).to_pylist()
    judged = kernel.judge(batch, NOW)
    say(f"read {judged.read:,} = accepted {len(judged.accepted):,} + quarantined {len(judged.quarantined):,}")
    medians = alternate(
        {
            "extraction": lambda: database.sql(limit).to_arrow_table(),
            "judging": lambda: kernel.part(batch, NOW),
            "whole": lambda: kernel.judge(batch, NOW),
            "pydantic": lambda: by_pydantic(sample),
            "msgspec": lambda: by_msgspec(sample),
        },
        rounds=5,
    )
    rate = {name: count / medians[name] for name in ("extraction", "judging", "whole")}
    rate |= {name: SAMPLE / medians[name] for name in ("pydantic", "msgspec")}
    figures = {
        "records": count,
        "rules": RULES,
        "quarantined": len(judged.quarantined),
        "ratio_judge": round(rate["judging"] / rate["extraction"], 3),
        "ratio_to_extraction": round(rate["whole"] / rate["extraction"], 3),
        "times_pydantic": round(rate["whole"] / rate["pydantic"], 1),
        "times_msgspec": round(rate["whole"] / rate["msgspec"], 1),
    }
    rows = [(name, f"{speed / 1e6:.2f} M records/s") for name, speed in rate.items()]
    rows += [(name, str(value)) for name, value in figures.items()]
    report("kernel", "The kernel against bare extraction and models in Python", rows, figures)


if __name__ == "__main__":
    sys.exit(main())
