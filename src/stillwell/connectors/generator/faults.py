"""Who reports at each offset of a partition, and which fault that record has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwell.connectors.generator import draw
from stillwell.connectors.generator.draw import Bits, Integers
from stillwell.connectors.generator.options import GAP_EVERY, GAP_LENGTH, KINDS, STUCK_LENGTH, Kind

CLEAN = -1
CODE = {kind: code for code, kind in enumerate(KINDS)}
"""The number that stands for a kind of fault in arrays; CLEAN for none."""

FIELDS = ("sensor_id", "timestamp", "temperature", "humidity", "pressure")
NO_FIELD = -1

_ANY, _NUMBERS = range(5), range(2, 5)
_CONCERNED: Mapping[str, range] = {
    "missing": _ANY,
    "null": _ANY,
    "outlier": _NUMBERS,
    "wrong_type": _NUMBERS,
    "spike": _NUMBERS,
    "stuck": _NUMBERS,
    "bad_id": range(1),
    "bad_timestamp": range(1, 2),
    "future": range(1, 2),
    "late": range(1, 2),
    "out_of_order": range(1, 2),
}

_NOWHERE = range(NO_FIELD, NO_FIELD + 1)
_FIRST = np.array([_CONCERNED.get(kind, _NOWHERE).start for kind in KINDS])
_COUNT = np.array([len(_CONCERNED.get(kind, _NOWHERE)) for kind in KINDS])

Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slots:
    """What n offsets hold: `seat` (which sensor of the partition, from 0), `kind` (or CLEAN), `field` (or NO_FIELD)."""

    offset: Integers
    seat: Integers
    kind: Codes
    field: Codes

    def having(self, kind: Kind) -> Integers:
        """The rows that have this fault."""
        return np.flatnonzero(self.kind == CODE[kind])


class Plan:
    """Faults of one partition, in which `seats` sensors report in turn: round `r` holds offsets from `r * seats`.

    Each kind is drawn for a record alone, but for two that last: a silence (`gap`) and a value that stands still
    (`stuck`) are drawn for a sensor and a stretch of rounds. While a sensor is silent the next one reports in its
    place; the first sensor never falls silent, so there always is one.
    """

    def __init__(self, seed: int, partition: int, seats: int, rates: Mapping[Kind, float]) -> None:
        self._seats = seats
        self._gap_key, self._stuck_key, self._kind_key, self._field_key = (
            draw.key(seed, partition, name) for name in ("gap", "stuck", "kind", "field")
        )
        self._gap_chance = rates.get("gap", 0.0) * GAP_EVERY * seats / max(1, seats - 1)
        self._stuck_chance = rates.get("stuck", 0.0)
        alone = [kind for kind in KINDS if kind not in ("gap", "stuck") and rates.get(kind)]
        self._alone = np.array([CODE[kind] for kind in alone], np.int8)
        self._edges = np.cumsum([rates[kind] for kind in alone]) if alone else np.zeros(1)

    def slots(self, first: int, count: int) -> Slots:
        """What the `count` offsets from `first` hold."""
        # One round more, in front: some faults repeat a reading of the round before, which then must be a sound one.
        offset = np.arange(first - self._seats, first + count)
        tick = offset // self._seats
        seat, breaks_silence = self._fill_silences(offset % self._seats, tick)
        kind = self._drawn(offset)
        kind[breaks_silence] = CODE["gap"]
        kind[self._lasting(self._stuck_key, self._stuck_chance, seat, tick // STUCK_LENGTH)] = CODE["stuck"]
        now = slice(self._seats, None)
        sound_before = (kind[:count] == CLEAN) & (seat[:count] == seat[now]) & (offset[now] >= self._seats)
        offset, seat, kind = offset[now], seat[now], kind[now]
        for repeats in ("duplicate", "out_of_order"):
            kind[(kind == CODE[repeats]) & ~sound_before] = CLEAN
        return Slots(offset, seat, kind, self._fields(offset, seat, kind))

    def stretch(self, offset: Integers) -> Integers:
        """The first offset of the stretch of `STUCK_LENGTH` rounds that each offset lies in."""
        length = self._seats * STUCK_LENGTH
        return offset // length * length

    def _lasting(self, key: np.uint64, chance: float, seat: Integers, stretch: Integers) -> Flags:
        """Whether a fault that lasts was drawn for this sensor and stretch of rounds."""
        if not chance:
            return np.zeros(len(seat), np.bool_)
        return draw.uniform(self._of_stretch(key, seat, stretch)) < chance

    def _of_stretch(self, key: np.uint64, seat: Integers, stretch: Integers) -> Bits:
        return draw.bits(key, (stretch << 10) + seat)

    def _silence(self, seat: Integers, stretch: Integers) -> Flags:
        return self._lasting(self._gap_key, self._gap_chance, seat, stretch) & (seat > 0)

    def _fill_silences(self, seat: Integers, tick: Integers) -> tuple[Integers, Flags]:
        """Who reports instead of those that are silent, and which records are the first after a silence."""
        stretch, within = np.divmod(tick, GAP_EVERY)
        breaks = (within == 0) & (tick > 0) & self._silence(seat, stretch - 1)
        rows = np.flatnonzero(within >= GAP_EVERY - GAP_LENGTH)
        rows = rows[self._silence(seat[rows], stretch[rows])]
        while len(rows):
            seat[rows] = (seat[rows] + 1) % self._seats
            rows = rows[self._silence(seat[rows], stretch[rows])]
        return seat, breaks

    def _drawn(self, offset: Integers) -> Codes:
        kind = np.full(len(offset), CLEAN, np.int8)
        luck = draw.uniform(draw.bits(self._kind_key, offset))
        hit = np.flatnonzero((luck < self._edges[-1]) & (offset >= 0))
        kind[hit] = self._alone[np.searchsorted(self._edges, luck[hit], side="right")]
        return kind

    def _fields(self, offset: Integers, seat: Integers, kind: Codes) -> Codes:
        field = np.full(len(offset), NO_FIELD, np.int8)
        faulty = np.flatnonzero(kind >= 0)
        random = draw.bits(self._field_key, offset[faulty])
        stuck = kind[faulty] == CODE["stuck"]
        rows = faulty[stuck]
        random[stuck] = self._of_stretch(self._field_key, seat[rows], offset[rows] // (self._seats * STUCK_LENGTH))
        field[faulty] = _FIRST[kind[faulty]] + draw.choose(random, _COUNT[kind[faulty]])
        return field
