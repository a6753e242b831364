"""Writes records as JSON bytes, many at a time: each row of a grid of bytes is one record, and zero bytes drop out.

Numbers and times are looked up as text in tables, eight bytes at once. Faults of the text (a field left out, another
value, a cut) are strokes on the grid before its zeros are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.connectors.generator import draw
from stillwell.connectors.generator.draw import Bits, Floats, Integers
from stillwell.connectors.generator.faults import FIELDS, Slots
from stillwell.connectors.generator.options import Kind
from stillwell.connectors.generator.signal import DAY, QUANTITIES

WRONG_TYPES = ('"hot"', '"n/a"', "true", '"21.5°C"', '{"v":21.5}', "[21.5]", '"--"')
"""What stands where a number should: nothing that even a lenient reader takes for one."""

BAD_TIMES = (
    '"2024-02-30T12:00:00Z"',
    '"2026-01-01T24:61:00Z"',
    '"2026-13-01T00:00:00Z"',
    '"yesterday"',
    '"01.01.2026 at noon"',
    '"not a time"',
)
BAD_IDS = ('"snsr_017"', '"sensor_17"', '"SENSOR_017"', '"sensor_0017"', '"sensor_abc"', '"017"', '"unknown"')

_REPLACED: Mapping[Kind, tuple[str, ...]] = {
    "null": ("null",),
    "wrong_type": WRONG_TYPES,
    "bad_timestamp": BAD_TIMES,
    "bad_id": BAD_IDS,
}
"""Faults that put one of these texts in the place of a value."""

_LOWEST, _HIGHEST = -100_000, 200_000
"""Hundredths between which every number lies."""

_NAMES = {name: f'{"," if place else "{"}"{name}":'.encode() for place, name in enumerate(FIELDS)}


def _layout() -> np.dtype[Any]:
    """One row of the grid: name and value of each field, the values in parts that tables fill, 144 bytes in all."""
    parts: list[tuple[str, str]] = [("sensor_id.name", f"S{len(_NAMES['sensor_id'])}"), ("sensor_id", "S14")]
    parts += [("timestamp.name", f"S{len(_NAMES['timestamp'])}"), ("timestamp", "S12")]
    parts += [("time", "u8"), ("milliseconds", "u4"), ("microseconds", "u4"), ("quote", "S1")]
    for one in QUANTITIES:
        parts += [(f"{one.name}.name", f"S{len(_NAMES[one.name])}"), (one.name, "u8"), (f"{one.name}.rest", "S2")]
    parts.append(("end", "S1"))
    return np.dtype([*parts, ("padding", f"S{-np.dtype(parts).itemsize % 8}")])


_LAYOUT = _layout()
_WIDTH = _LAYOUT.itemsize


def _place(part: str) -> int:
    assert _LAYOUT.fields is not None
    return _LAYOUT.fields[part][1]


_NAMED = [_place(f"{name}.name") for name in FIELDS]
_VALUED = [_place(name) for name in FIELDS]
_ENDED = [*_NAMED[1:], _place("end")]

Bytes = npt.NDArray[np.uint8]


class Encoder:
    """Encodes records of the sensors that have these names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = np.array([f'"{name}"'.encode() for name in names])
        self._blank = np.zeros((), _LAYOUT)
        for name, text in _NAMES.items():
            self._blank[f"{name}.name"] = text
        self._blank["quote"], self._blank["end"] = b'"', b"}"

    def encode(
        self, sensor: Integers, time: Integers, values: Sequence[Floats], slots: Slots, random: Bits
    ) -> pa.Array:
        """Payloads (binary) of n records: sensors, times (µs since 1970), values by quantity, faults, 64 bits each."""
        rows = np.full(len(sensor), self._blank, _LAYOUT)
        rows["sensor_id"] = self._names[sensor]
        _write_times(rows, time)
        for quantity, value in zip(QUANTITIES, values, strict=True):
            rows[quantity.name] = _numbers()[np.rint(value * 100).astype(np.int64) - _LOWEST]
        grid = rows.view(np.uint8).reshape(len(rows), _WIDTH)
        _spoil(grid, slots, random)
        return _drop_zeros(grid)


def _write_times(rows: npt.NDArray[Any], time: Integers) -> None:
    day, within = np.divmod(time, DAY)
    first = int(day.min())
    dates = np.arange(first, int(day.max()) + 1).astype("datetime64[D]")
    rows["timestamp"] = np.array([f'"{date}T'.encode() for date in dates])[day - first]
    second, within = np.divmod(within, 1_000_000)
    rows["time"] = _seconds()[second]
    millisecond, microsecond = np.divmod(within, 1000)
    rows["milliseconds"] = _thousandths(".", "")[millisecond]
    rows["microseconds"] = _thousandths("", "Z")[microsecond]


def _spoil(grid: Bytes, slots: Slots, random: Bits) -> None:
    """Strike the faults that lie in the text into the grid."""
    for kind, texts in _REPLACED.items():
        rows = slots.having(kind)
        for field in np.unique(slots.field[rows]):
            those = rows[slots.field[rows] == field]
            start, end = _VALUED[field], _ENDED[field]
            grid[those, start:end] = _padded(texts, end - start)[draw.choose(random[those], len(texts))]
    rows = slots.having("missing")
    for field in np.unique(slots.field[rows]):
        those = rows[slots.field[rows] == field]
        start = _NAMED[field] + (
            0 if field else 1
        )  # the first field follows the brace, and takes the next comma with it
        grid[those, start : _ENDED[field] + (0 if field else 1)] = 0
    _break(grid, slots.having("malformed"), random)


def _break(grid: Bytes, rows: Integers, random: Bits) -> None:
    """Make these rows no JSON: cut short at any place (half of them), or a colon or a comma lost."""
    how = draw.choose(random[rows], 4)
    place = random[rows].astype(np.int64) & 0xFFFF
    cut = how < 2
    grid[rows[cut]] *= np.arange(_WIDTH) <= (place[cut] % _place("end"))[:, None]
    colons, commas = np.array(_VALUED) - 1, np.array(_NAMED[1:])
    for lost, places in ((how == 2, colons), (how == 3, commas)):
        grid[rows[lost], places[place[lost] % len(places)]] = 0


def _drop_zeros(grid: Bytes) -> pa.Array:
    count = len(grid)
    kept = grid.ravel() != 0
    # Eight flags at a time: bytes of the words' sum hold at most 18 each, and the product adds these eight up.
    sums = kept.view(np.uint64).reshape(count, _WIDTH // 8).sum(axis=1, dtype=np.uint64)
    lengths = (sums * np.uint64(0x0101010101010101)) >> np.uint64(56)
    ends = np.zeros(count + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(grid.ravel()[kept]))]
    )


def _digits(numbers: Integers, places: int) -> Bytes:
    """Decimal digits as text (m, places), zeros in front included."""
    powers = 10 ** np.arange(places - 1, -1, -1)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


@cache
def _numbers() -> npt.NDArray[np.uint64]:
    """Text of every number with two decimals from `_LOWEST` to `_HIGHEST` hundredths, as eight bytes."""
    hundredths = np.arange(_LOWEST, _HIGHEST)
    digits = _digits(abs(hundredths), 6)
    for place in range(3):
        digits[abs(hundredths) < 10 ** (5 - place), place] = 0
    sign = np.where(hundredths < 0, ord("-"), 0).astype(np.uint8)
    dot = np.full(len(hundredths), ord("."), np.uint8)
    text = np.column_stack([sign, digits[:, :4], dot, digits[:, 4:]])
    return text.view(np.uint64).ravel()


@cache
def _seconds() -> npt.NDArray[np.uint64]:
    """Text `HH:MM:SS` of every second of a day."""
    second = np.arange(86_400)
    colon = np.full(len(second), ord(":"), np.uint8)
    parts = (_digits(second // 3600, 2), colon, _digits(second // 60 % 60, 2), colon, _digits(second % 60, 2))
    return np.column_stack(parts).view(np.uint64).ravel()


@cache
def _thousandths(before: str, after: str) -> npt.NDArray[np.uint32]:
    """Text of every number of three digits, with one character before or after it."""
    return np.frombuffer("".join(f"{before}{number:03}{after}" for number in range(1000)).encode(), np.uint32)


@cache
def _padded(texts: tuple[str, ...], width: int) -> Bytes:
    """Texts as bytes (m, width), zeros behind."""
    return np.array([text.encode() for text in texts], f"S{width}").view(np.uint8).reshape(len(texts), width)
