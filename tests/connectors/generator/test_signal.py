"""What a sound sensor measures: it follows the day, differs by sensor, drifts, and never nears its limits."""

import numpy as np
import pytest

from stillwell.connectors.generator.signal import DAY, QUANTITIES, Signal

TEMPERATURE, HUMIDITY = 0, 1


def at(hours, sensor=3):
    times = np.asarray(np.array(hours) * DAY / 24, np.int64) + 20_000 * DAY
    return Signal(seed=7, sensors=50).values(np.full(len(times), sensor), times)


def test_afternoons_are_warm_and_dry():
    values = at([3, 15])
    assert values[TEMPERATURE][1] - values[TEMPERATURE][0] == pytest.approx(14, abs=1)
    assert values[HUMIDITY][0] - values[HUMIDITY][1] == pytest.approx(30, abs=1)


def test_each_sensor_has_its_own_offset():
    times = np.full(50, 20_000 * DAY)
    for value, quantity in zip(Signal(7, 50).values(np.arange(50), times), QUANTITIES, strict=True):
        assert len(set(value)) == 50
        assert value.std() > quantity.spread / 4


def test_a_sensor_drifts_from_day_to_day():
    noons = at(np.arange(0, 24 * 90, 24))
    for value, quantity in zip(noons, QUANTITIES, strict=True):
        assert np.ptp(value) == pytest.approx(2 * quantity.drift, rel=0.1)


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda one: one.name)
def test_the_extremes_leave_room_for_noise_and_spikes(quantity):
    """Bounds by the parts themselves: offset, drift, day and the greatest noise, then a spike towards the middle."""
    reach = quantity.spread + abs(quantity.daily) + quantity.drift + 3.47 * quantity.noise
    assert quantity.low < quantity.level - reach
    assert quantity.level + reach < quantity.high
    middle, tallest = (quantity.low + quantity.high) / 2, 1.3 * quantity.spike
    assert quantity.low < min(middle, quantity.level + reach) - tallest or quantity.level - reach > middle
    assert max(middle, quantity.level - reach) + tallest < quantity.high
