"""What can be asked of the generator: its keys in pipeline.yml."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from stillwell.connectors.base import Options

Visible: TypeAlias = Literal[
    "missing", "null", "outlier", "wrong_type", "bad_timestamp", "bad_id", "malformed", "future"
]
History: TypeAlias = Literal["duplicate", "late", "stuck", "spike", "gap", "out_of_order"]

Kind: TypeAlias = Visible | History

VISIBLE: tuple[Visible, ...] = get_args(Visible)
"""Faults that one record shows by itself."""

HISTORY: tuple[History, ...] = get_args(History)
"""Faults that show only beside the sensor's earlier records."""

KINDS: tuple[Kind, ...] = VISIBLE + HISTORY
"""Every kind of fault, in the order of the codes in `stillwell.connectors.generator.faults`."""

GAP_EVERY, GAP_LENGTH, STUCK_LENGTH = 20, 10, 40
"""In readings of one sensor: a silence ends at most once in so many, lasts so many; a value stands still so long."""

DEFAULT_RATES: Mapping[Kind, float] = {
    **dict.fromkeys(VISIBLE, 0.01),
    "duplicate": 0.003,
    "late": 0.003,
    "stuck": 0.003,
    "spike": 0.003,
    "gap": 0.001,
    "out_of_order": 0.003,
}

READING_EVERY = 60.0
"""Seconds of event time between two readings of a sensor when no rate is held."""


def _share(value: object) -> object:
    """`2%` as the number 0.02; anything else is left to the type."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    return value


Share = Annotated[
    float,
    BeforeValidator(_share),
    Field(ge=0, le=1),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^\d+(\.\d+)?%$"}]}
    ),
]


class GeneratorOptions(Options):
    """How many records, how fast, of which sensors, and with which faults.

    Attributes:
        rows: how many records in all; none means endless.
        seconds: stop after so many seconds: exactly `rate * seconds` records if a rate is held, else by the wall clock.
        rate: records per second to hold; none means as fast as they are read.
        sensors: how many sensors, `sensor_001` onwards.
        start: event time of the first record.
        speed: how many times faster than the wall the event clock runs while a rate is held. Without a rate each
            sensor takes a reading every 60 s of event time.
        seed: another seed, other records.
        faults: share of the records by kind of fault; kinds left out do not occur. All shares together
            stay within 100%, and `gap` within 5%, where one silence counts as one faulty record: the first after it.
        partitions: sensors are dealt out over so many partitions.
    """

    rows: int | None = Field(None, ge=0)
    seconds: float | None = Field(None, gt=0)
    rate: float | None = Field(None, gt=0)
    sensors: int = Field(100, ge=1, le=999)
    start: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    speed: float = Field(1.0, gt=0)
    seed: int = 7
    faults: Mapping[Kind, Share] = Field(default_factory=lambda: dict(DEFAULT_RATES), validate_default=True)
    partitions: int = Field(1, ge=1)

    @field_validator("start")
    @classmethod
    def _in_utc(cls, start: dt.datetime) -> dt.datetime:
        return start.replace(tzinfo=dt.UTC) if start.tzinfo is None else start.astimezone(dt.UTC)

    @model_validator(mode="after")
    def _possible(self) -> GeneratorOptions:
        if self.partitions > self.sensors:
            raise ValueError(f"{self.partitions} partitions cannot share {self.sensors} sensors; use fewer partitions")
        if (total := sum(self.faults.values())) > 1:
            raise ValueError(f"the shares of faults add up to {total:.0%}; they must stay within 100%")
        if self.faults.get("gap", 0) > 1 / GAP_EVERY:
            raise ValueError(f"gap can be {1 / GAP_EVERY:.0%} at most: a sensor cannot fall silent more often")
        if self.step < 1000:
            raise ValueError("records would be less than 1 µs of event time apart; lower the rate or raise the speed")
        return self

    @property
    def step(self) -> int:
        """Nanoseconds of event time from one record to the next, over all partitions."""
        return round(1e9 * (self.speed / self.rate if self.rate else READING_EVERY / self.sensors))

    @property
    def total(self) -> int | None:
        """How many records there will be, as far as that is known beforehand."""
        timed = int(self.rate * self.seconds) if self.rate and self.seconds else None
        return min((limit for limit in (self.rows, timed) if limit is not None), default=None)
