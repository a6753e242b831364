"""The history of all keys: judges the records of a batch, partition by partition and in the order of offsets."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwell.contract.model import Contract
from stillwell.errors import StillwellError, fail
from stillwell.kernel.compiled import library
from stillwell.kernel.flags import Mask
from stillwell.kernel.sequence.columns import Columns
from stillwell.kernel.sequence.rules import KINDS, OF, Step, steps
from stillwell.kernel.sequence.state import NEVER, Arrays, CSet, CState, PartitionState, Shape

MOST_KEYS = 1_000_000
"""Keys of a partition that are remembered, where nobody says how many."""

UNJUDGED, KEPT, BROKEN = range(3)


class _CRule(ctypes.Structure):
    """`Rule` of sequence.c."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("set", ctypes.c_int32),
        ("word", ctypes.c_int32),
        ("every", ctypes.c_int32),
        ("rejects", ctypes.c_int32),
        ("exclusive", ctypes.c_int32),
        ("within", ctypes.c_int64),
        ("count", ctypes.c_int64),
        ("limit", ctypes.c_double),
        ("allowed", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("present", ctypes.c_void_p),
        ("applies", ctypes.c_void_p),
        ("verdict", ctypes.c_void_p),
        ("before", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class Said:
    """What sequence rules say of n records: `good` are those accepted after them.

    By rule: `verdicts` (UNJUDGED, KEPT, BROKEN), and the bits of what a record was compared with where it is BROKEN.
    """

    good: Mask
    verdicts: Mapping[str, npt.NDArray[np.uint8]]
    before: Mapping[str, npt.NDArray[np.int64]]


class Layout:
    """How the steps of a contract share sets of keys and words."""

    def __init__(self, contract: Contract) -> None:
        self.steps = steps(contract)
        keyed = [step for step in self.steps if OF[step.kind].of_key]
        keys = list(dict.fromkeys(step.key for step in keyed))
        once = [step for step in self.steps if step.kind == "unique"]
        self.sets = (*keys, *(step.key for step in once))
        self.words: dict[str, int] = {}
        self.set_of = {step.name: keys.index(step.key) for step in keyed}
        self.set_of |= {step.name: len(keys) + number for number, step in enumerate(once)}
        self.shapes = [self._shape([step for step in keyed if step.key == key]) for key in keys]
        self.shapes += [Shape(1, lazy=True, horizon=step.within) for step in once]

    def parts(self) -> list[tuple[tuple[str, ...], str, dict[str, tuple[int, int]]]]:
        """Of each set its key, the rule that has it to itself, and by rule (its digest) its first word and how many."""
        found = []
        for number, key in enumerate(self.sets):
            sharing = [step for step in self.steps if self.set_of.get(step.name) == number]
            own = sharing[0].digest if self.shapes[number].lazy else ""
            places = {step.digest: (self.words[step.name], step.words) for step in sharing if step.name in self.words}
            found.append((key, own, places))
        return found

    def _shape(self, sharing: list[Step]) -> Shape:
        # The first word is when a key was last heard of.
        stride = 1
        for step in sharing:
            self.words[step.name] = stride
            stride += step.words
        found = [OF[step.kind].horizon for step in sharing]
        horizons = [horizon(step) for horizon, step in zip(found, sharing, strict=True) if horizon]
        return Shape(stride, lazy=False, horizon=max(horizons) if len(horizons) == len(found) else None)


class History:
    """What is remembered of each partition, from batch to batch; one thread at a time.

    Args:
        contract: whose sequence rules are judged.
        most: keys of a partition that are remembered; then those go that were not heard of for longest.

    Raises:
        ContractError: for rules that cannot be judged.
    """

    def __init__(self, contract: Contract, most: int = MOST_KEYS) -> None:
        if contract.sequence and library() is None:
            what = "Sequence rules need the compiled part of the kernel, which was not built."
            raise fail(StillwellError, "not-built", what, "Install the package anew: its build makes it.")
        self.layout = Layout(contract)
        self._most = most
        self.partitions: dict[int, PartitionState] = {}

    def judge(self, partition: npt.NDArray[np.int32], offset: npt.NDArray[np.int64], columns: Columns) -> Said:
        """Judge n records and remember them; partitions and offsets are by row, offsets rise within a partition."""
        count, names = len(offset), [step.name for step in self.layout.steps]
        verdicts = {name: np.zeros(count, np.uint8) for name in names}
        said = Said(columns.good.copy(), verdicts, {name: np.zeros(count, np.int64) for name in names})
        for number in np.unique(partition).tolist():
            rows = np.flatnonzero(partition == number)
            state = self.of(number)
            if len(rows) == count:
                self._run(state, offset, columns, said)
                continue
            some = Said(
                said.good[rows],
                {name: one[rows] for name, one in said.verdicts.items()},
                {name: one[rows] for name, one in said.before.items()},
            )
            self._run(state, offset[rows], columns.take(rows), some)
            said.good[rows] = some.good
            for name in names:
                said.verdicts[name][rows], said.before[name][rows] = some.verdicts[name], some.before[name]
        return said

    def of(self, partition: int) -> PartitionState:
        """What is remembered of a partition; nothing where none was judged yet."""
        if partition not in self.partitions:
            self.partitions[partition] = PartitionState(self.layout.shapes, self._most)
        return self.partitions[partition]

    def saved(self, partition: int) -> Arrays:
        """What changed of a partition since it was saved last, in plain arrays."""
        layout = json.dumps(self.layout.parts()).encode()
        return {**self.of(partition).saved(), "layout": np.frombuffer(layout, np.uint8)}

    def restore(self, partition: int, saved: Sequence[Arrays]) -> None:
        """Go on where a partition was saved: from what held all of it on, each part in its order.

        Rules that are still the same remember what they did; those that are new begin.
        """
        had = [(tuple(key), own, places) for key, own, places in json.loads(saved[0]["layout"].tobytes())]
        have = self.layout.parts()
        state = self.of(partition)
        for arrays in saved:
            state.restore(arrays if had == have else _moved(arrays, had, have, self.layout.shapes))
        if had != have:
            state.save_all()

    def under(self, contract: Contract) -> History:
        """The same history for another contract."""
        other = History(contract, self._most)
        for number, state in self.partitions.items():
            state.save_all()
            other.restore(number, [self.saved(number)])
            state.save_all()
            other.of(number).save_all()
            other.of(number).forgotten = state.forgotten
        return other

    def _run(self, state: PartitionState, offset: npt.NDArray[np.int64], columns: Columns, said: Said) -> None:
        keys = [(np.ascontiguousarray(hashes), there.view(np.uint8)) for hashes, there in columns.keys]
        rules, kept = self._rules(columns, said)
        row = 0
        for end in state.blocks(offset):
            state.begin(int(offset[row]))
            while row < end:
                for one, (hashes, there) in zip(state.sets, keys, strict=True):
                    one.make_room()
                    one.c.keys, one.c.keyed = hashes.ctypes.data, there.ctypes.data
                sets = (CSet * len(keys))(*(one.c for one in state.sets))
                c = CState(sets, len(keys), state.watermark)
                row = library().stillwell_sequence(
                    ctypes.byref(c),
                    rules,
                    ctypes.c_int64(len(self.layout.steps)),
                    ctypes.c_void_p(columns.times.ctypes.data),
                    ctypes.c_void_p(said.good.ctypes.data),
                    ctypes.c_int64(row),
                    ctypes.c_int64(end),
                )
                state.watermark = c.watermark
                for one, after in zip(state.sets, sets, strict=True):
                    one.c.used = after.used
        del kept

    def _rules(self, columns: Columns, said: Said) -> tuple[ctypes.Array[_CRule], list[object]]:
        """The rules as the compiled function wants them, and what must live as long as it runs."""
        kept: list[object] = []

        def address(array: npt.NDArray[np.generic] | None) -> int | None:
            kept.append(array)
            return None if array is None else array.ctypes.data

        rules = []
        for step, value, where in zip(self.layout.steps, columns.values, columns.where, strict=True):
            rules.append(
                _CRule(
                    KINDS.index(step.kind),
                    self.layout.set_of.get(step.name, -1),
                    self.layout.words.get(step.name, 0),
                    step.every,
                    step.severity != "warn",
                    step.exclusive,
                    step.within,
                    step.count,
                    step.limit,
                    address(step.matrix() if step.allowed else None),
                    address(np.ascontiguousarray(value[0]) if value else None),
                    address(value[1].view(np.uint8) if value else None),
                    address(None if where is None else where.view(np.uint8)),
                    address(said.verdicts[step.name]),
                    address(said.before[step.name]),
                )
            )
        return (_CRule * len(rules))(*rules), kept


_Parts = Sequence[tuple[tuple[str, ...], str, Mapping[str, Sequence[int]]]]


def _moved(arrays: Arrays, had: _Parts, have: _Parts, shapes: Sequence[Shape]) -> Arrays:
    """What was saved, with each rule's words where they are now; what nobody remembers any more is left out."""
    moved: dict[str, npt.NDArray[Any]] = {"partition": arrays["partition"]}
    for number, ((key, own, places), shape) in enumerate(zip(have, shapes, strict=True)):
        old = next((at for at, one in enumerate(had) if one[:2] == (key, own)), None)
        if old is None:
            slots, hashes = np.zeros(0, np.int64), np.zeros((0, 2), np.uint64)
            words = np.zeros((0, shape.stride), np.int64)
        else:
            slots, hashes, before = (arrays[f"{old}.{part}"] for part in ("slots", "hashes", "words"))
            words = np.full((len(slots), shape.stride), NEVER)
            words[:, 0] = before[:, 0]
            for digest, (first, count) in places.items():
                if digest in had[old][2]:
                    was, _ = had[old][2][digest]
                    words[:, first : first + count] = before[:, was : was + count]
        moved |= {f"{number}.slots": slots, f"{number}.hashes": hashes, f"{number}.words": words}
    return moved
