"""What is remembered of the keys of one partition: plain columns that grow, are bounded, are saved and come back."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwell.kernel.compiled import library

NEVER = np.iinfo(np.int64).min
"""A time that there was not, and a word that was not written."""

BLOCK = 65_536
"""Offsets after which what is too old or too much is forgotten: so the cut of batches has no say in it."""

_FIRST_ROOM = 1024

_WORTH = 0.75
"""The share of keys that are still needed above which none is let go."""

Hashes = npt.NDArray[np.uint64]
Words = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]


class CSet(ctypes.Structure):
    """`Set` of sequence.c."""

    _fields_ = [
        ("hashes", ctypes.c_void_p),
        ("words", ctypes.c_void_p),
        ("touched", ctypes.c_void_p),
        ("table", ctypes.c_void_p),
        ("mask", ctypes.c_int64),
        ("used", ctypes.c_int64),
        ("room", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("keys", ctypes.c_void_p),
        ("keyed", ctypes.c_void_p),
        ("lazy", ctypes.c_int32),
    ]


class CState(ctypes.Structure):
    """`State` of sequence.c."""

    _fields_ = [("sets", ctypes.POINTER(CSet)), ("count", ctypes.c_int64), ("watermark", ctypes.c_int64)]


@dataclass(frozen=True)
class Shape:
    """A set of keys: words a key, whether only what is remembered has a slot, and how long after it may be forgotten.

    `horizon` is in microseconds of event time, None where a key is never forgotten for its age.
    """

    stride: int
    lazy: bool
    horizon: int | None


class Set:
    """The keys of one kind: 16 bytes of hash, `stride` words of 8 bytes, and 9 bytes to find them, for each."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._grown(
            np.zeros((0, 2), np.uint64), np.zeros((0, shape.stride), np.int64), np.zeros(0, np.uint8), _FIRST_ROOM
        )

    def _grown(self, hashes: Hashes, words: Words, touched: npt.NDArray[np.uint8], room: int) -> None:
        used = len(hashes)
        self.hashes, self.words = np.empty((room, 2), np.uint64), np.empty((room, self.shape.stride), np.int64)
        self.touched, self.table = np.zeros(room, np.uint8), np.empty(2 * room, np.int32)
        self.hashes[:used], self.words[:used], self.touched[:used] = hashes, words, touched
        addresses = (one.ctypes.data for one in (self.hashes, self.words, self.touched, self.table))
        self.c = CSet(*addresses, 2 * room - 1, used, room, self.shape.stride, None, None, self.shape.lazy)
        library().stillwell_keys(ctypes.byref(self.c))

    @property
    def used(self) -> int:
        """How many keys there are."""
        return int(self.c.used)

    def make_room(self) -> None:
        """Twice as much, where none is left."""
        if self.used >= self.c.room:
            used = self.used
            self._grown(self.hashes[:used], self.words[:used], self.touched[:used], 2 * int(self.c.room))

    def keep(self, slots: npt.NDArray[np.int64]) -> None:
        """Forget all other slots."""
        room = max(_FIRST_ROOM, 1 << (len(slots) * 4 // 3).bit_length())
        self._grown(self.hashes[slots], self.words[slots], self.touched[slots], room)

    def fill(self, slots: npt.NDArray[np.int64], hashes: Hashes, words: Words) -> None:
        """Put keys into slots; slots that are new follow the last."""
        used = max(self.used, int(slots.max(initial=-1)) + 1)
        room = max(int(self.c.room), 1 << used.bit_length())
        old = self.used
        all_hashes, all_words = np.zeros((used, 2), np.uint64), np.full((used, self.shape.stride), NEVER)
        all_hashes[:old], all_words[:old] = self.hashes[:old], self.words[:old]
        all_hashes[slots], all_words[slots] = hashes, words
        self._grown(all_hashes, all_words, np.zeros(used, np.uint8), room)


class PartitionState:
    """The sets of one partition, the newest event time accepted in it, and how many keys had to be forgotten."""

    def __init__(self, shapes: Sequence[Shape], most: int) -> None:
        self.sets = [Set(shape) for shape in shapes]
        self.watermark = NEVER
        self.forgotten = 0
        self._most = most
        self._block: int | None = None
        self._whole = True

    @property
    def keys(self) -> int:
        """How many are remembered, of all kinds."""
        return sum(one.used for one in self.sets)

    def blocks(self, offsets: npt.NDArray[np.int64]) -> list[int]:
        """The rows at which a block of offsets ends, the last of all included."""
        numbers = offsets // BLOCK
        ends = (np.flatnonzero(np.diff(numbers)) + 1).tolist()
        return [*ends, len(offsets)]

    def begin(self, offset: int) -> None:
        """A block of offsets is to come: where it is another, let go what is too old, and the oldest of too much."""
        block = offset // BLOCK
        if self._block is not None and block != self._block:
            for one in self.sets:
                self._tidy(one)
        self._block = block

    def _tidy(self, one: Set) -> None:
        heard = one.words[: one.used, 0]
        slots = np.arange(one.used)
        if one.shape.horizon is not None and self.watermark != NEVER and one.used > _FIRST_ROOM:
            # Twice as long, so that a record which comes late still meets what was then.
            slots = slots[heard >= self.watermark - 2 * one.shape.horizon]
        if len(slots) > _WORTH * one.used and one.used <= self._most:
            # What stays too long says nothing; to move all the others for a few would be most of the work.
            return
        if len(slots) > self._most:
            # By the sixteenth, so that this is not done at each block.
            newest = np.argsort(heard[slots], kind="stable")[len(slots) - (self._most - self._most // 16) :]
            self.forgotten += len(slots) - len(newest)
            slots = np.sort(slots[newest])
        if len(slots) < one.used:
            one.keep(slots)
            self._whole = True

    def saved(self) -> Arrays:
        """What changed since it was saved last, or all of it where something was forgotten: plain arrays by name."""
        whole, self._whole = self._whole, False
        block = NEVER if self._block is None else self._block
        arrays: dict[str, npt.NDArray[Any]] = {"partition": np.array([self.watermark, block, whole], np.int64)}
        for number, one in enumerate(self.sets):
            slots = np.arange(one.used) if whole else np.flatnonzero(one.touched[: one.used])
            arrays |= {
                f"{number}.slots": slots,
                f"{number}.hashes": one.hashes[slots],
                f"{number}.words": one.words[slots],
            }
            one.touched[:] = 0
        return arrays

    def save_all(self) -> None:
        """Let the next `saved` hold all, so that it needs nothing that was saved before."""
        self._whole = True

    def restore(self, arrays: Arrays) -> None:
        """Take what `saved` gave; in the order in which it was saved, from one that held all on."""
        watermark, block, whole = (int(one) for one in arrays["partition"])
        self.watermark, self._block = watermark, None if block == NEVER else block
        for number, one in enumerate(self.sets):
            if whole:
                one.keep(np.zeros(0, np.int64))
            one.fill(*(arrays[f"{number}.{part}"] for part in ("slots", "hashes", "words")))
        self._whole = False
