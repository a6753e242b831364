"""Makes the records of one partition from their offsets alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stillwell.connectors.generator import draw
from stillwell.connectors.generator.draw import Floats, Integers
from stillwell.connectors.generator.encode import Encoder
from stillwell.connectors.generator.faults import CODE, FIELDS, Codes, Plan, Slots
from stillwell.connectors.generator.options import KINDS, GeneratorOptions
from stillwell.connectors.generator.signal import QUANTITIES, Signal
from stillwell.kernel.base import INGEST

LATENCY = 50_000
"""Microseconds from a reading to its ingest."""

_MINUTE, _HOUR = 60_000_000, 3_600_000_000

_LABEL = pa.dictionary(pa.int8(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("payload", pa.binary()),
        pa.field("ingest_time", INGEST),
        pa.field("key", pa.binary()),
        pa.field("fault", _LABEL),
        pa.field("fault_field", _LABEL),
    ]
)


class Partition:
    """Makes the records of one partition: a pure function of options and offsets."""

    def __init__(self, options: GeneratorOptions, number: int) -> None:
        self._options, self._number = options, number
        self._sensors = np.arange(number, options.sensors, options.partitions)
        self._plan = Plan(options.seed, number, len(self._sensors), options.faults)
        self._signal = Signal(options.seed, options.sensors)
        names = [f"sensor_{sensor + 1:03}" for sensor in range(options.sensors)]
        self._encoder, self._keys = Encoder(names), pa.array(names).cast(pa.binary())
        self._start = round(options.start.timestamp() * 1_000_000)
        self._noise = [draw.key(options.seed, number, "noise", one.name) for one in QUANTITIES]
        self._extent = draw.key(options.seed, number, "extent")
        self._round = len(self._sensors) * options.step * options.partitions // 1000

    def batch(self, first: int, count: int) -> pa.RecordBatch:
        """The `count` records from offset `first`, in columns of `SCHEMA`."""
        slots = self._plan.slots(first, count)
        extent = draw.bits(self._extent, slots.offset)
        origin = slots.offset.copy()  # whose reading a record carries: its own, unless it repeats the round before
        origin[slots.having("duplicate")] -= len(self._sensors)
        clock = self._clock(slots.offset)
        taken, stated = self._times(slots, self._clock(origin), clock, draw.uniform(extent))
        sensor = self._sensors[slots.seat]
        values = self._values(slots, origin, sensor, taken, draw.uniform(extent))
        payload = self._encoder.encode(sensor, stated, values, slots, extent)
        columns = [
            pa.array(np.full(count, self._number, np.int32)),
            pa.array(slots.offset),
            payload,
            pa.array(clock + LATENCY).cast(INGEST),
            self._keys.take(pa.array(sensor)),
            _label(slots.kind, KINDS),
            _label(slots.field, FIELDS),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

    def _clock(self, offset: Integers) -> Integers:
        """Event clock (µs since 1970); the step is split so that nanoseconds do not overflow."""
        number = offset * self._options.partitions + self._number
        micros, nanos = divmod(self._options.step, 1000)
        return self._start + number * micros + number * nanos // 1000

    def _times(self, slots: Slots, read: Integers, clock: Integers, extent: Floats) -> tuple[Integers, Integers]:
        """When each reading was taken, and the time its record states; these differ only where it lies ahead."""
        taken = read.copy()
        swapped = slots.having("out_of_order")  # arrives after the sensor's next reading
        taken[swapped] -= self._round * 3 // 2
        late = slots.having("late")
        taken[late] -= 3 * self._round + 5 * _MINUTE + (extent[late] * 6 * _HOUR).astype(np.int64)
        stated = taken.copy()
        future = slots.having("future")
        stated[future] = clock[future] + LATENCY + _HOUR + (extent[future] * 30 * 24 * _HOUR).astype(np.int64)
        return taken, stated

    def _values(
        self, slots: Slots, origin: Integers, sensor: Integers, taken: Integers, extent: Floats
    ) -> list[Floats]:
        values = self._signal.values(sensor, taken)
        stuck = slots.having("stuck")
        held = self._signal.values(sensor[stuck], self._clock(self._plan.stretch(slots.offset[stuck])))
        for number, quantity in enumerate(QUANTITIES):
            value = values[number]
            value += quantity.noise * draw.bell(draw.bits(self._noise[number], origin))
            own = slots.field == FIELDS.index(quantity.name)
            still = own[stuck]
            value[stuck[still]] = held[number][still]
            rows = np.flatnonzero(own & (slots.kind == CODE["spike"]))
            inwards = np.where(value[rows] < (quantity.low + quantity.high) / 2, 1, -1)
            value[rows] += inwards * quantity.spike * (1 + 0.3 * extent[rows])
            rows = np.flatnonzero(own & (slots.kind == CODE["outlier"]))
            beyond = (quantity.high - quantity.low) * (0.1 + extent[rows])
            value[rows] = np.where(extent[rows] * 64 % 1 < 0.5, quantity.low - beyond, quantity.high + beyond)
        return values


def _label(codes: Codes, names: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(names))
