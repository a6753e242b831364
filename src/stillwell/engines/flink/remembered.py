"""What tasks of Flink remember for sequence rules: saved with every batch, taken up again by whichever task comes next.

The offset of a checkpoint is always the end of a batch, because batches are flushed before one; so a task that begins
there finds a save of that offset. Which one, where tasks died and judged the same records again, is told by claims: a
task claims a partition before its first batch of it, and saves everything under a word of its own. Only the newest
claimant can have reached the checkpoint, or else nobody has since the claim, and then its own beginning still stands.
What has ended, or another engine wrote, the ledger tells by words, as everywhere (`stillwell.delivery.memory`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stillwell.contract.model import Contract
from stillwell.delivery.durable import refusal
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory import Memory
from stillwell.delivery.saves import Saved, chain, ends_saved, forget_older, is_whole, new_word, place
from stillwell.delivery.slice import Position
from stillwell.engines.flink.writes import Remembering
from stillwell.errors import Fenced, StillwellError, fail
from stillwell.kernel.sequence.history import History


class Remembered:
    """What one task remembers of the partitions that it reads; `word` is that of all its saves."""

    def __init__(self, contract: Contract, told: Remembering) -> None:
        self.word = new_word()
        self._told = told
        self._memory = Memory(contract, told.folder, told.keys)
        self._next: dict[int, Path] = {}

    def before(self, firsts: Mapping[int, int]) -> History:
        """The history that a batch is judged with, whose partitions begin at these offsets.

        Raises:
            StillwellError: code `history-lost`, when what was saved is not there.
        """
        for partition, first in firsts.items():
            if partition not in self._next:
                claims = _Claims(self._told.folder, partition, self._told.run)
                offset, word = _base(claims, self._told, first)
                self._next[partition] = claims.add(_Claim(self.word, offset, word))
                self._memory.go_on(partition, offset, word)
        return self._memory.history

    def after(self, ends: Mapping[int, int]) -> Mapping[int, int]:
        """Save what changed by a batch that ends here; by partition, how many keys had to be forgotten.

        Raises:
            Fenced: when another task has these partitions by now.
            ConnectorError: code `disk-full` or `unwritable`.
        """
        for partition in ends:
            if self._next[partition].exists():
                what = f"Another task of Flink judges partition {partition} by now."
                raise fail(Fenced, "fenced", what, "Nothing is to be done: it goes on where this one stood.")
        changes = self._memory.changes(ends)
        self._memory.save(changes, {partition: Position(end) for partition, end in ends.items()}, self.word)
        return changes.forgotten


@dataclass(frozen=True)
class _Claim:
    """That a task saves under `word`, and began with what was saved at `offset` under the word `base`."""

    word: str
    offset: int
    base: str


class _Claims:
    """The claims of one partition in one run: numbered files, which exist once each."""

    def __init__(self, folder: Path, partition: int, run: str) -> None:
        self.partition = partition
        self._folder = place(folder, partition, 0, "").parent
        self._run = run

    def newest_first(self) -> Iterator[_Claim]:
        for number in range(self._count(), 0, -1):
            try:
                yield _Claim(**json.loads(self._path(number).read_text()))
            except ValueError:
                continue  # Whoever claimed it died over it, before its first save.

    def add(self, claim: _Claim) -> Path:
        """Claim the partition; the place of the claim that would come after."""
        number = self._count() + 1
        path = self._path(number)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(json.dumps(vars(claim)))
        except OSError as error:
            raise refusal(path, error) from error
        return self._path(number + 1)

    def _count(self) -> int:
        return max((int(path.suffixes[-2][1:]) for path in self._folder.glob(f"{self._run}.*.claim")), default=0)

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._run}.{number}.claim"


def _base(claims: _Claims, told: Remembering, first: int) -> tuple[int, str]:
    """At which offset, and under which word, it was saved what a partition has to remember at its offset `first`."""
    partition = claims.partition
    begun = told.begins.get(partition, (0, ""))
    for claim in claims.newest_first():
        end = max((end for end in ends_saved(told.folder, partition, claim.word) if end <= first), default=None)
        if end is not None or claim.offset <= first:
            reached = (claim.offset, claim.base) if end is None else (end, claim.word)
            return reached if reached[0] > begun[0] else begun
    return begun


def remembering(state: Path, keys: int, begins: Mapping[int, tuple[int, str]], *, restored: bool) -> Remembering:
    """What the tasks of a run are told; one that is `restored` bears the name of the run that made its checkpoint.

    Raises:
        StillwellError: code `history-lost`, when a save is not there that the run begins with.
        ConnectorError: code `disk-full` or `unwritable`.
    """
    for partition, (offset, word) in begins.items():
        if word:
            chain(place(state, partition, offset, word))
    named = state / "history" / "flink.run"
    try:
        if not (restored and named.exists()):
            named.parent.mkdir(parents=True, exist_ok=True)
            for claim in named.parent.glob("*/*.claim"):
                claim.unlink(missing_ok=True)
            named.write_text(new_word())
        return Remembering(state.resolve(), named.read_text(), keys, begins)
    except OSError as error:
        raise refusal(named, error) from error


def let_go(state: Path, intent: Intent) -> None:
    """Remove saves that nobody needs any more, now that this line is committed."""
    for part in intent.slices if intent.history else ():
        one, offset = part.partition, part.end.offset
        # Where it is not there, whoever needs it says so.
        with suppress(StillwellError):
            if is_whole(place(state, one, offset, intent.history)):
                forget_older(state, Saved(intent.history, {one: offset}, frozenset({one})))
