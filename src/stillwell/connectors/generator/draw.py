"""Random numbers without state: each is computed from a key and a counter, so any of them can be had at any time.

SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), the counter being its state.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stillwell.kernel.digest import mixed

Integers: TypeAlias = npt.NDArray[np.int64]
Bits: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]

_EVEN = np.uint64(0x0000FFFF0000FFFF)


def key(*names: object) -> np.uint64:
    """The key of one sequence of random numbers, by its name: seed, partition, purpose."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "big"))


def bits(of: np.uint64, counter: npt.NDArray[Any]) -> Bits:
    """64 random bits for each counter (n integers in, n out)."""
    state = counter.astype(np.uint64)
    state *= np.uint64(0x9E3779B97F4A7C15)
    state += of
    return mixed(state)


def uniform(random: Bits) -> Floats:
    """Evenly spread in [0, 1), from the upper 53 bits."""
    spread: Floats = (random >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return spread


def bell(random: Bits) -> Floats:
    """Nearly normal, mean 0 and standard deviation 1, never beyond ±3.47: the sum of four even parts (Irwin-Hall)."""
    pairs = (random & _EVEN) + ((random >> np.uint64(16)) & _EVEN)
    sums = (pairs & np.uint64(0xFFFFFFFF)) + (pairs >> np.uint64(32))
    centred: Floats = sums.astype(np.float64) * 2.0**-16 - 2.0
    return centred * math.sqrt(3.0)


def choose(random: Bits, count: int | Integers) -> Integers:
    """A number from 0 up to but without `count` (one for all or n), from the upper half of the bits."""
    return (random >> np.uint64(32)).astype(np.int64) % count
