"""Ranges by robust quantiles, and numbers that stand for no value."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FEWEST = 20
"""Values below which nothing is said of a range."""

RARE = 0.01
"""The share from which values far out are no outliers but a part of the data."""

_WIDE = 1.5

Numbers = npt.NDArray[np.float64]


def fence(numbers: Numbers) -> tuple[float, float]:
    """Limits that ordinary tails stay within; `numbers` are sorted, at least `FEWEST`.

    Each side goes beyond the 1 % or 99 % quantile by 1.5 times its distance from the median: for a normal
    distribution that is 5.8 standard deviations. Where one side is three times as long as the other this is done on
    the scale asinh(x / s), s being the median or the interquartile range, so that exponential and lognormal tails
    pass as well. Extremes that are `RARE` or commoner widen the limits to include them.
    """
    low, middle, high = np.quantile(numbers, [0.01, 0.5, 0.99])
    left, right = middle - low, high - middle
    quarters = np.quantile(numbers, [0.25, 0.75])
    scale = max(abs(middle), float(quarters[1] - quarters[0])) or float(np.abs(numbers).mean()) or 1.0
    if max(left, right) > 3 * min(left, right):
        a, b, c = (math.asinh(one / scale) for one in (low, middle, high))
        least = scale * _sinh(a - _WIDE * max(b - a, 0.25 * (c - a)))
        most = scale * _sinh(c + _WIDE * max(c - b, 0.25 * (c - a)))
    else:
        least, most = low - _WIDE * left, high + _WIDE * right
    if (numbers < least).mean() >= RARE:
        least = float(numbers[0])
    if (numbers > most).mean() >= RARE:
        most = float(numbers[-1])
    return float(least), float(most)


def _sinh(value: float) -> float:
    return math.sinh(min(max(value, -300.0), 300.0))


def limits(numbers: Numbers, *, whole: bool) -> tuple[float | None, float | None]:
    """The fence, rounded outwards to what a person would write; zero where nothing is negative."""
    # Beyond that the sums behind the quantiles are no doubles.
    if len(numbers) < FEWEST or numbers[0] == numbers[-1] or max(-numbers[0], numbers[-1]) > 1e150:
        return None, None
    if whole and _bounded(numbers):
        return float(numbers[0]), float(numbers[-1])
    least, most = fence(numbers)
    step = 10.0 ** math.floor(math.log10(max(most - least, 1e-300)) - 1)
    step = max(step, 1.0) if whole else step
    low, high = math.floor(least / step) * step, math.ceil(most / step) * step
    if numbers[0] >= 0 and low < 0:
        low = 0.0
    if numbers[-1] <= 0 < high:
        high = 0.0
    # Shares and percentages end where they are whole.
    for whole_share in (1.0, 100.0):
        if 0 <= numbers[0] <= 0.1 * whole_share and 0.9 * whole_share < numbers[-1] <= whole_share < high:
            high = whole_share
    digits = max(0, -math.floor(math.log10(step)))
    return round(low, digits), round(high, digits)


def _bounded(numbers: Numbers) -> bool:
    """Whether whole numbers fill their range to both ends, as days of a month do, and so will not leave it."""
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(numbers) < 30 * len(distinct):
        return False
    filled = distinct[-1] - distinct[0] + 1 == len(distinct) <= 100
    return len(distinct) <= 5 or bool(filled and min(counts[0], counts[-1]) >= 0.2 * counts.mean())


def sentinel(numbers: Numbers, counts: npt.NDArray[np.int64]) -> float | None:
    """The number that stands for no value, as -200 or 9999 does: an extreme one, frequent, and far from all others.

    `numbers` are distinct and sorted, `counts` how often each occurs.
    """
    if len(numbers) < 10:
        return None
    for place, rest in ((0, slice(1, None)), (-1, slice(0, -1))):
        value, others = float(numbers[place]), numbers[rest]
        if value != round(value) or counts[place] < max(5, 0.005 * counts.sum()):
            continue
        low, high = np.quantile(np.repeat(others, counts[rest]), [0.01, 0.99])
        gap = float(others[0]) - value if place == 0 else value - float(others[-1])
        alone = value < 0 <= others[0] and value != -1
        nines = set(str(abs(int(value)))) == {"9"} and len(str(abs(int(value)))) >= 2
        if (alone and gap > 0) or gap > (0.5 if nines else 1.5) * (high - low) > 0:
            return value
    return None


def written(value: float) -> str:
    """A number as a person would write it."""
    return str(int(value)) if value == round(value) and abs(value) < 1e15 else repr(float(value))
