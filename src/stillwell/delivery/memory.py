"""What sequence rules remember, kept in step with epochs: saved before each intent, taken up again where one ended.

A save is a file of plain arrays for each partition, named after the offset that it stands at and a word that its intent
repeats, so that what a run saved and never declared is nobody's. It holds what changed since the one before it; the
first of a run, and then one in 50, holds all.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from stillwell.contract.digest import digest
from stillwell.contract.model import Contract
from stillwell.delivery.durable import refusal
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position
from stillwell.errors import StillwellError, fail
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
        self._last: dict[int, Path] = {}
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

    def save(self, changes: Changes, ends: Mapping[int, Position], word: str = "") -> str:
        """Write changes that lead up to these positions; gives the word that their intent must repeat, a new one or
        this.

        Raises:
            ConnectorError: code `disk-full` or `unwritable`.
        """
        assert self._folder is not None
        word = word or new_word()
        for partition, arrays in changes.arrays.items():
            path = save_path(self._folder, partition, ends[partition].offset, word)
            before = self._last.get(partition) if not arrays["partition"][2] else None
            parent = np.frombuffer((before.name if before else "").encode(), np.uint8)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.with_suffix(".part").open("wb") as file:
                    np.savez(file, parent=parent, **dict(arrays))  # type: ignore[arg-type]
                path.with_suffix(".part").replace(path)
            except OSError as error:
                raise refusal(path, error) from error
            self._last[partition] = path
        return word

    def forget_older(self, changes: Changes) -> None:
        """Remove saves that nobody needs any more, once an epoch whose save holds all is written."""
        for partition, arrays in changes.arrays.items():
            if arrays["partition"][2]:
                _forget_before(self._last[partition])

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
            assert self._folder is not None
            saves = list(_chain(save_path(self._folder, partition, offset, word)))
            self.history.restore(partition, [_read(path) for path in reversed(saves)])
            self.history.of(partition).save_all()


def new_word() -> str:
    """A word that no save had so far."""
    return secrets.token_hex(4)


def save_path(folder: Path, partition: int, offset: int, word: str) -> Path:
    """The file of a save; `folder` is the pipeline's state."""
    return folder / "history" / str(partition) / f"{offset:020d}-{word}.npz"


def ends_saved(folder: Path, partition: int, word: str) -> list[int]:
    """The offsets at which a partition was saved under this word, in no order."""
    return [int(path.name[:20]) for path in save_path(folder, partition, 0, word).parent.glob(f"*-{word}.npz")]


def look_for(path: Path) -> None:
    """See that a save is there, with all that it builds on.

    Raises:
        StillwellError: code `history-lost`, when it is not.
    """
    list(_chain(path))


def forget_before(path: Path) -> None:
    """Remove saves that nobody needs any more once the intent of this one is written: those before it, if it holds all.

    Raises:
        StillwellError: code `history-lost`, when it is not there.
    """
    if not _parent(path):
        _forget_before(path)


def _forget_before(kept: Path) -> None:
    for path in kept.parent.glob("*.npz"):
        if path.name[:20] < kept.name[:20]:
            path.unlink(missing_ok=True)


def _chain(path: Path) -> Iterator[Path]:
    """A save and those before it that it builds on, newest first."""
    while True:
        yield path
        if not (parent := _parent(path)):
            return
        path = path.with_name(parent)


def _parent(path: Path) -> str:
    """The name of the save that this one builds on; empty where it holds all."""
    return bytes(_read(path, "parent")["parent"].tobytes()).decode()


def _read(path: Path, *names: str) -> Arrays:
    """The arrays of a save, or some of them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names or file.files}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise fail(
            StillwellError,
            "history-lost",
            f"{path}, in which it was saved what sequence rules remember, cannot be read: {error}.",
            "Bring the state folder back, or remove the sequence rules for one run: they begin anew after it.",
        ) from error


def newest(intents: Sequence[Intent]) -> dict[int, tuple[int, str]]:
    """Where each partition stands after these intents, and the word of what was saved there."""
    return {part.partition: (part.end.offset, intent.history) for intent in intents for part in intent.slices}
