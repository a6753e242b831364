"""What a sound sensor measures: a daily cycle, its own offset, slow drift, and noise, all of them bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwell.connectors.generator import draw
from stillwell.connectors.generator.draw import Floats, Integers

DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Quantity:
    """One measured field, each number in its unit: allowed from `low` to `high`, usually about `level`.

    A sensor's offset stays within ± `spread` and its drift within ± `drift`; `daily` is the height of the daily cycle,
    `noise` a standard deviation, `spike` the least height of a spike. The sum stays far within the limits, with
    room for a spike towards their middle.
    """

    name: str
    low: float
    high: float
    level: float
    spread: float
    daily: float
    drift: float
    drift_days: float
    noise: float
    spike: float


QUANTITIES = (
    Quantity("temperature", -40, 85, 20, spread=4, daily=7, drift=2, drift_days=90, noise=0.15, spike=25),
    Quantity("humidity", 0, 100, 55, spread=8, daily=-15, drift=3, drift_days=60, noise=0.5, spike=30),
    Quantity("pressure", 800, 1100, 1013, spread=5, daily=-1, drift=12, drift_days=9, noise=0.2, spike=60),
)


class Signal:
    """The true value of each quantity, as a function of sensor and time."""

    def __init__(self, seed: int, sensors: int) -> None:
        everyone = np.arange(sensors)
        self._own = [
            tuple(
                2 * draw.uniform(draw.bits(draw.key(seed, one.name, part), everyone)) - 1
                for part in ("spread", "drift")
            )
            for one in QUANTITIES
        ]

    def values(self, sensor: Integers, time: Integers) -> list[Floats]:
        """Without noise: for sensors (n, from 0) at times (n, µs since 1970), n values of each quantity in turn."""
        day = np.sin((time % DAY) * (2 * np.pi / DAY) - 0.75 * np.pi)  # highest at 15:00, lowest at 03:00 UTC
        return [self._value(number, sensor, time, day) for number in range(len(QUANTITIES))]

    def _value(self, number: int, sensor: Integers, time: Integers, day: Floats) -> Floats:
        quantity, (offset, drift) = QUANTITIES[number], self._own[number]
        period = int(quantity.drift_days * DAY)
        slow = np.sin((time % period) * (2 * np.pi / period) + (np.pi * drift)[sensor])
        return quantity.daily * day + quantity.drift * slow + (quantity.level + quantity.spread * offset)[sensor]
