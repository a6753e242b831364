"""What can be asked of the store: its keys under `monitor.store.sqlite` in pipeline.yml."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from stillwell.contract.scalars import duration


def _duration(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


Duration = Annotated[
    dt.timedelta,
    BeforeValidator(_duration),
    Field(ge=dt.timedelta(hours=1)),
    WithJsonSchema({"type": "string", "description": "A duration such as `48h`."}),
]


class StoreOptions(BaseModel):
    """Where the store lies, how long it keeps what, and how many groups it keeps apart.

    Attributes:
        path: the file; `monitor.sqlite` in the folder of the pipeline's state unless said.
        minutes: how long tallies are kept as fine as windows need them (a minute, or finer); older ones become hours.
        hours: how long hours are kept; older ones become days.
        days: how long days are kept, and findings and lines of the ledger.
        groups: how many groups of windows with `by` are kept apart; what comes beyond is counted as one group.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = None
    minutes: Duration = dt.timedelta(hours=48)
    hours: Duration = dt.timedelta(days=30)
    days: Duration = dt.timedelta(days=400)
    groups: Annotated[int, Field(ge=1)] = 10_000

    @model_validator(mode="after")
    def _rising(self) -> StoreOptions:
        if not self.minutes <= self.hours <= self.days:
            raise ValueError("minutes, hours and days must not fall: each is how far back that grain reaches")
        return self
