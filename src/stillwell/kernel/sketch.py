"""Summaries of a column, cell by cell, that merge: moments, log-bucket histograms, and distinct counts.

A *cell* is one event-time window of one group; every array here is indexed by cell or names the cell of each entry.
Histograms and registers are kept sparse, as sorted (cell, key, value) entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stillwell.kernel.digest import mixed

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Hashes: TypeAlias = npt.NDArray[np.uint64]

MANTISSA_BITS = 6
"""Bits of the mantissa in a bucket: a bucket is at most 1/64 of its value wide, its middle off by less than 0.8 %."""

_HUGE = 1e280
"""Beyond this, a sum could be larger than any double, in one cut of a stream and not in another."""

REGISTERS = 256
"""Registers of a distinct count; its standard error is about 1.04 / sqrt(256) = 6.5 %."""


@dataclass(frozen=True)
class Sparse:
    """Entries (cell, key) -> value, sorted by cell and then key; all three arrays have one length."""

    cell: Ints
    key: Ints
    value: Ints

    @staticmethod
    def merge(parts: list[Sparse], how: np.ufunc) -> Sparse:
        """Entries of the same cell and key combined by `how` (np.add or np.maximum); values are positive."""
        cell, key, value = (_concatenated([getattr(part, name) for part in parts]) for name in ("cell", "key", "value"))
        if not len(key):
            return Sparse(cell, key, value)
        codes = _Codes.of(cell, key, int(cell.max()) + 1)
        if codes.dense:
            whole = np.zeros(codes.size, np.int64)
            how.at(whole, codes.code, value)
            at = np.flatnonzero(whole)
            return codes.sparse(at, whole[at])
        order = np.argsort(codes.code, kind="stable")
        code = codes.code[order]
        starts = _starts(code)
        return codes.sparse(code[starts], how.reduceat(value[order], starts))

    def renumbered(self, cells: Ints) -> Sparse:
        """The same entries with cell i named `cells[i]`."""
        return Sparse(cells[self.cell], self.key, self.value)

    def below(self, cell: int) -> Sparse:
        """The entries of the cells before this one."""
        end = int(np.searchsorted(self.cell, cell))
        return Sparse(self.cell[:end], self.key[:end], self.value[:end])

    def of(self, cell: int) -> tuple[Ints, Ints]:
        """Keys and values of one cell."""
        low, high = np.searchsorted(self.cell, [cell, cell + 1])
        return self.key[low:high], self.value[low:high]


def _concatenated(parts: list[Ints]) -> Ints:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _starts(ordered: Ints) -> Ints:
    """Where each run of equal entries begins."""
    changed = np.ones(len(ordered), bool)
    changed[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(changed)


def _fitting(entries: int) -> int:
    """How many places an array may have that is no larger than so many entries are."""
    return 4 * entries + 65_536


def compact(codes: Ints) -> tuple[Ints, Ints]:
    """The distinct codes in order, and for each entry the place of its code among them."""
    if not len(codes):
        return codes, codes
    low, high = int(codes.min()), int(codes.max())
    if high - low > _fitting(len(codes)):
        distinct, at = np.unique(codes, return_inverse=True)
        return distinct, at
    present = np.zeros(high - low + 1, bool)
    present[codes - low] = True
    return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[codes - low]


@dataclass(frozen=True)
class _Codes:
    """Each (cell, key) as one integer that sorts as the pair does: the cell, then the place of the key among `keys`."""

    code: Ints
    keys: Ints
    size: int

    @staticmethod
    def of(cell: Ints, key: Ints, cells: int) -> _Codes:
        least, most = int(key.min()), int(key.max())
        if (most - least + 1) * cells <= _fitting(len(key)):
            keys, code = np.arange(least, most + 1), key - least
        else:
            keys, code = compact(key)
        return _Codes(code + cell * len(keys), keys, len(keys) * cells)

    @property
    def dense(self) -> bool:
        """Whether an array with a place for every possible pair is no larger than the entries are."""
        return self.size <= _fitting(len(self.code))

    def sparse(self, code: Ints, value: Ints) -> Sparse:
        cell, key = np.divmod(code, len(self.keys))
        return Sparse(cell, self.keys[key], value)


@dataclass(frozen=True)
class Moments:
    """Per cell: how many values, their mean, the sum of squared deviations from it, the least and the greatest.

    Merged by the pairwise formulas of Chan, Golub and LeVeque (1979). Empty cells have mean 0, min inf, max -inf.
    """

    count: Ints
    mean: Floats
    squares: Floats
    min: Floats
    max: Floats

    @staticmethod
    def of(values: Floats, cell: Ints, cells: int) -> Moments:
        """Summarise values (length n) by their cell (length n, in 0..cells-1)."""
        if not len(values):
            zeros = np.zeros(cells)
            return Moments(
                np.zeros(cells, np.int64), zeros, zeros.copy(), np.full(cells, np.inf), np.full(cells, -np.inf)
            )
        if np.any(cell[1:] < cell[:-1]):
            order = np.argsort(cell, kind="stable")
            values, cell = values[order], cell[order]
        starts = _starts(cell)
        here = cell[starts]
        sizes = np.diff(np.append(starts, len(cell)))
        # Sums of deviations from a value of the cell itself do not lose digits where the mean is large.
        least, greatest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        scale = _scale(least, greatest)
        each = np.repeat(scale, sizes) if (scale < 1).any() else 1.0
        first = values[starts] * scale
        with np.errstate(over="ignore"):
            shifted = values * each - np.repeat(first, sizes)
            mean = np.add.reduceat(shifted, starts) / sizes
            shifted -= np.repeat(mean, sizes)
            shifted /= each
            shifted *= shifted
            squares = np.add.reduceat(shifted, starts)
        return Moments(
            _placed(sizes, here, np.zeros(cells, np.int64)),
            _placed((mean + first) / scale, here, np.zeros(cells)),
            _placed(squares, here, np.zeros(cells)),
            _placed(least, here, np.full(cells, np.inf)),
            _placed(greatest, here, np.full(cells, -np.inf)),
        )

    @staticmethod
    def merge(parts: list[tuple[Moments, Ints]], cells: int) -> Moments:
        """Combine several, each with the numbers that its cells have in the whole (two may have the same one)."""
        at = np.concatenate([numbers for _, numbers in parts])
        count, mean, squares, least, greatest = (
            np.concatenate([getattr(part, name) for part, _ in parts])
            for name in ("count", "mean", "squares", "min", "max")
        )
        whole = np.bincount(at, count, minlength=cells).astype(np.int64)
        some = np.maximum(whole, 1)
        low, high = np.full(cells, np.inf), np.full(cells, -np.inf)
        np.minimum.at(low, at, least)
        np.maximum.at(high, at, greatest)
        # As above, from the mean of each cell's largest part.
        scale = np.where(whole > 0, _scale(low, high), 1.0)
        pivot, order = np.zeros(cells), np.argsort(count, kind="stable")
        pivot[at[order]] = mean[order] * scale[at[order]]
        with np.errstate(over="ignore"):
            shifted = np.where(count > 0, mean * scale[at] - pivot[at], 0.0)
            middle = np.bincount(at, count * shifted, minlength=cells) / some
            apart = np.where(count > 0, (shifted - middle[at]) / scale[at], 0.0)
            spread = np.bincount(at, squares + count * apart**2, minlength=cells)
        mean = np.where(whole > 0, (middle + pivot) / scale, 0.0)
        return Moments(whole, mean, spread.astype(np.float64), low, high)

    @property
    def std(self) -> Floats:
        """Population standard deviation per cell; NaN where there is no value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(self.squares / self.count)


def _scale(least: Floats, greatest: Floats) -> Floats:
    """What values between these are multiplied by, so that a sum of any number of them is finite: a power of two."""
    return np.where(np.maximum(np.abs(least), np.abs(greatest)) > _HUGE, 2.0**-80, 1.0)


def _placed(values: npt.NDArray[Any], at: Ints, whole: npt.NDArray[Any]) -> npt.NDArray[Any]:
    whole[at] = values
    return whole


def buckets(values: Floats) -> Ints:
    """The log bucket of each value: sign, exponent, leading bits of the mantissa (IEEE 754), in the order of values."""
    # Adding zero makes -0.0 to 0.0. An arithmetic shift keeps the sign; below zero the order of the bits is reversed.
    key = (values + 0.0).view(np.int64) >> np.int64(52 - MANTISSA_BITS)
    below = key >> np.int64(63)
    return key ^ (below & np.int64((1 << (11 + MANTISSA_BITS)) - 1))


def bucket_value(bucket: int) -> float:
    """The middle of a bucket."""
    magnitude = (
        bucket if bucket >= 0 else (bucket ^ ((1 << (11 + MANTISSA_BITS)) - 1)) & ((1 << (11 + MANTISSA_BITS)) - 1)
    )
    edges = (np.array([magnitude, magnitude + 1], np.int64) << np.int64(52 - MANTISSA_BITS)).view(np.float64)
    middle = 0.0 if magnitude == 0 else float(edges[0] + (edges[1] - edges[0]) / 2)
    return -middle if bucket < 0 else middle


def histogram(values: Floats, cell: Ints, cells: int) -> Sparse:
    """How many values of each cell fall into each log bucket."""
    return count_pairs(cell, buckets(values), cells)


def count_pairs(cell: Ints, key: Ints, cells: int) -> Sparse:
    """How often each (cell, key) occurs."""
    if not len(key):
        empty = np.zeros(0, np.int64)
        return Sparse(empty, empty, empty)
    codes = _Codes.of(cell, key, cells)
    if codes.dense:
        counts = np.bincount(codes.code, minlength=codes.size)
        at = np.flatnonzero(counts)
        return codes.sparse(at, counts[at].astype(np.int64))
    ordered = np.sort(codes.code)
    starts = _starts(ordered)
    return codes.sparse(ordered[starts], np.diff(np.append(starts, len(ordered))))


def number_hashes(values: Floats) -> Hashes:
    """A well-mixed hash of each number: splitmix64 of its IEEE 754 form. Whole numbers need both multiplications."""
    return mixed((values + 0.0).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15))


def registers(hashes: Hashes, cell: Ints) -> Sparse:
    """HyperLogLog registers (Flajolet et al. 2007): for each cell and register the longest run of zeros, plus one."""
    register = (hashes & np.uint64(REGISTERS - 1)).view(np.int64)
    rest = (hashes >> np.uint64(11)).view(np.int64)
    # The exponent of the rest as a double is its bit length: 53 bits are exact.
    _, length = np.frexp(rest.astype(np.float64))
    return Sparse.merge([Sparse(cell, register, 54 - length.astype(np.int64))], np.maximum)


def distinct(runs: Ints) -> float:
    """The estimate of one cell's registers (those that are not zero), with linear counting for small counts."""
    empty = REGISTERS - len(runs)
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS**2 / (empty + float(np.sum(2.0 ** -runs.astype(np.float64))))
    if raw <= 2.5 * REGISTERS and empty:
        return float(REGISTERS * np.log(REGISTERS / empty))
    return raw


def quantile(bucket: Ints, count: Ints, share: float) -> float:
    """The value below which `share` (0..1) of a cell's values lie, to the width of a bucket; NaN without values."""
    if not len(count):
        return float("nan")
    at = int(np.searchsorted(np.cumsum(count), share * float(count.sum()), side="left"))
    return bucket_value(int(bucket[min(at, len(bucket) - 1)]))
