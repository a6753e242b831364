"""What sequence rules remember, kept in step with epochs: saved before each intent, taken up again where one ended.

A save is a file of plain arrays for each partition (`stillwell.delivery.saves`), named after the offset that it stands
at and a word that its intent repeats, so that what a run saved and never declared is nobody's. It holds what changed
since the one before it; one in 50 holds all, and the first of a run that judges where it commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stillwell.contract.digest import digest
from stillwell.contract.model import Contract
from stillwell.delivery.intent import Intent
from stillwell.delivery.saves import Saved, chain, forget_older, new_word, newest, place, write
from stillwell.delivery.slice import Position
from stillwell.kernel.sequence.history import MOST_KEYS, History
from stillwell.kernel.sequence.state import Arrays

_WHOLE = 50
"""One save in so many holds all, so that no more of them have to be read."""


@dataclass(frozen=True)
class Changes:
    """By partition: what changed of what is remembered, and how many keys had to be forgotten (only where any had)."""

    arrays: Mapping[int, Arrays] = field(default_factory=dict)
    forgotten: Mapping[int, int] = field(default_factory=dict)


class Memory:
    """The history that epochs are judged with, and the files in which it is saved.

    Args:
        contract: whose sequence rules are judged first.
        folder: where saves lie; None where nothing is saved, as in an audit.
        most: keys of a partition that are remembered.
    """

    def __init__(self, contract: Contract, folder: Path | None = None, most: int = MOST_KEYS) -> None:
        self.history = History(contract, most)
        self._digest = digest(contract)
        self._folder = folder
        self._most = most
        self._last: dict[int, Path] = {}
        self._sure: set[int] = set()  # partitions that stand where they were saved last
        self._saves: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def under(self, contract: Contract) -> History:
        """The history as it stands, for the sequence rules of this contract."""
        if digest(contract) != self._digest:
            self.history, self._digest = self.history.under(contract), digest(contract)
        return self.history

    def begins(self, intent: Intent) -> set[int]:
        """The partitions of an intent of which everything before it is remembered."""
        return {part.partition for part in intent.slices if self._reached.get(part.partition, 0) == part.start.offset}

    def reach(self, intent: Intent, partitions: Collection[int]) -> None:
        """These partitions of an intent were judged as the first time; of its others nothing is certain any more."""
        for part in intent.slices:
            self._reached[part.partition] = part.end.offset if part.partition in partitions else -1
            # Its own intent says what had to be forgotten then.
            self._told[part.partition] = self.history.of(part.partition).forgotten

    def pass_over(self, intent: Intent) -> None:
        """An intent whose contract had no sequence rules: what was remembered before it was forgotten there."""
        for part in intent.slices:
            self.history.partitions.pop(part.partition, None)
            self._told.pop(part.partition, None)
            self._reached[part.partition] = part.end.offset

    def changes(self, partitions: Collection[int]) -> Changes:
        """What changed of partitions since this was asked last."""
        gone = {}
        for partition in partitions:
            if self._saves.get(partition, 0) % _WHOLE == 0:
                self.history.of(partition).save_all()
            self._saves[partition] = self._saves.get(partition, 0) + 1
            total = self.history.of(partition).forgotten
            gone[partition] = total - self._told.get(partition, 0)
            self._told[partition] = total
        arrays = {partition: self.history.saved(partition) for partition in partitions}
        return Changes(arrays, {partition: keys for partition, keys in gone.items() if keys})

    def save(self, changes: Changes, ends: Mapping[int, Position], word: str = "") -> Saved:
        """Write changes that lead up to these positions, under a new word or this; their intent must repeat it.

        Raises:
            ConnectorError: code `disk-full` or `unwritable`.
        """
        word = word or new_word()
        whole = frozenset(partition for partition, arrays in changes.arrays.items() if arrays["partition"][2])
        for partition, arrays in changes.arrays.items():
            path = self._path(partition, ends[partition].offset, word)
            write(path, arrays, None if partition in whole else self._last.get(partition))
            self._last[partition] = path
            self._sure.add(partition)
        offsets = {partition: ends[partition].offset for partition in changes.arrays}
        return Saved(word, offsets, whole, changes.forgotten)

    def forget_older(self, saved: Saved) -> None:
        """Remove saves that nobody needs any more, once the epoch of these is written."""
        assert self._folder is not None
        forget_older(self._folder, saved)

    def take_up(self, intents: Sequence[Intent], contract: Contract) -> None:
        """Go on where these intents ended, under the contract of what comes next.

        Raises:
            StillwellError: code `history-lost`, when a save is not there.
        """
        self.under(contract)
        for partition, (offset, word) in newest(intents).items():
            self.go_on(partition, offset, word if contract.sequence else "")

    def go_on(self, partition: int, offset: int, word: str) -> None:
        """Go on where one partition was saved under this word; with an empty one nothing is remembered of it.

        Raises:
            StillwellError: code `history-lost`, when the save is not there.
        """
        self._reached[partition] = offset
        if word:
            self._restore(partition, self._path(partition, offset, word), None)
            # The first save of a run holds all.
            self._saves[partition] = 0

    def stand(self, places: Mapping[int, tuple[int, str]]) -> History:
        """The history where these partitions were saved, by offset and word; without a word one begins.

        Who was there already, or at one of the saves before, reads only what is new. Of other partitions those are held
        that were judged last, up to as many keys as may be remembered of one.

        Raises:
            StillwellError: code `history-lost`, when a save is not there.
        """
        for partition, (offset, word) in places.items():
            known = self._last.get(partition) if partition in self._sure else None
            # They will be judged: until they are saved, nobody knows where they stand.
            self._sure.discard(partition)
            if not word:
                self._let_go(partition)
            elif (path := self._path(partition, offset, word)) != known:
                self._restore(partition, path, known)
            self.history.partitions[partition] = self.history.partitions.pop(partition, self.history.of(partition))
        room = self._most
        for partition in [one for one in reversed(self.history.partitions) if one not in places]:
            room -= self.history.of(partition).keys
            if room < 0:
                self._let_go(partition)
        return self.history

    def _let_go(self, partition: int) -> None:
        self.history.partitions.pop(partition, None)
        self._sure.discard(partition)
        for kept in (self._saves, self._told):
            kept.pop(partition, None)

    def _restore(self, partition: int, path: Path, known: Path | None) -> None:
        saves, goes_on = chain(path, known)
        self.history.restore(partition, saves)
        self._last[partition] = path
        self._saves[partition] = len(saves) + (self._saves.get(partition, 0) if goes_on else 0)
        self._told[partition] = self.history.of(partition).forgotten

    def _path(self, partition: int, offset: int, word: str) -> Path:
        assert self._folder is not None
        return place(self._folder, partition, offset, word)
