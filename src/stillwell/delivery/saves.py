"""The files in which it is saved what sequence rules remember: each names the one that it builds on.

Whoever judged writes a save of each partition, named after the offset that it stands at and a word of its own. The
intent of an epoch repeats one word, under which `joined` brings the saves of all who judged parts of it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from stillwell.delivery.durable import refusal, writing
from stillwell.delivery.intent import Intent
from stillwell.errors import StillwellError, fail
from stillwell.kernel.sequence.state import Arrays


@dataclass(frozen=True)
class Saved:
    """What was saved under one word (empty: nothing): each partition at its offset.

    `whole` are those of them that need no save before; `forgotten` says how many keys of a partition had to be
    forgotten since the one before (only where any had).
    """

    word: str = ""
    offsets: Mapping[int, int] = field(default_factory=dict)
    whole: frozenset[int] = frozenset()
    forgotten: Mapping[int, int] = field(default_factory=dict)


def new_word() -> str:
    """A word that no other save has."""
    return secrets.token_hex(4)


def place(folder: Path, partition: int, offset: int, word: str) -> Path:
    """Where a save lies in the state folder of a pipeline."""
    return folder / "history" / str(partition) / f"{offset:020d}-{word}.npz"


def newest(intents: Sequence[Intent]) -> dict[int, tuple[int, str]]:
    """Where each partition stands after these intents, and the word of what was saved there."""
    return {part.partition: (part.end.offset, intent.history) for intent in intents for part in intent.slices}


def write(path: Path, arrays: Arrays, before: Path | None) -> None:
    """Write a save that builds on the one `before`, or on none.

    Raises:
        ConnectorError: code `disk-full` or `unwritable`.
    """
    parent = np.frombuffer((before.name if before else "").encode(), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".part").open("wb") as file:
            np.savez(file, parent=parent, **dict(arrays))  # type: ignore[arg-type]
        path.with_suffix(".part").replace(path)
    except OSError as error:
        raise refusal(path, error) from error


def chain(path: Path, known: Path | None = None) -> tuple[list[Arrays], bool]:
    """A save and those before it that it builds on, oldest first; whether they go on from the one that is `known`.

    Raises:
        StillwellError: code `history-lost`, when one is not there.
    """
    found: list[Arrays] = []
    while True:
        arrays = _read(path)
        parent = _parent(arrays)
        found.insert(0, arrays)
        if not parent:
            return found, False
        path = path.with_name(parent)
        if path == known:
            return found, True


def is_whole(path: Path) -> bool:
    """Whether a save needs none before it.

    Raises:
        StillwellError: code `history-lost`, when it is not there.
    """
    return not _parent(_read(path, "parent"))


def _parent(arrays: dict[str, Any]) -> str:
    return bytes(arrays.pop("parent").tobytes()).decode()


def _read(path: Path, *names: str) -> dict[str, Any]:
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


def ends_saved(folder: Path, partition: int, word: str) -> list[int]:
    """The offsets at which a partition was saved under this word, in no order."""
    return [int(path.name[:20]) for path in place(folder, partition, 0, word).parent.glob(f"*-{word}.npz")]


def joined(folder: Path, parts: Sequence[Saved]) -> Saved:
    """The saves of several who judged parts of one epoch, under one word: that of the first where there is one alone.

    Raises:
        ConnectorError: code `unwritable`.
    """
    there = [one for one in parts if one.word]
    if len(there) < 2:
        return there[0] if there else Saved()
    word = new_word()
    for one in there:
        for partition, offset in one.offsets.items():
            path = place(folder, partition, offset, word)
            with writing(path):
                os.link(place(folder, partition, offset, one.word), path)
    return Saved(
        word,
        {partition: offset for one in there for partition, offset in one.offsets.items()},
        frozenset().union(*(one.whole for one in there)),
        {partition: keys for one in there for partition, keys in one.forgotten.items()},
    )


def forget_older(folder: Path, saved: Saved) -> None:
    """Remove saves that nobody needs any more, once the epoch of these is written: those before one that is whole."""
    for partition in saved.whole:
        kept = place(folder, partition, saved.offsets[partition], saved.word)
        for path in kept.parent.glob("*.npz"):
            if path.name[:20] < kept.name[:20]:
                path.unlink(missing_ok=True)
