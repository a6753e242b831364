"""Which file is read next, from where and how far.

A visit reads a file from where it was left to where it ends when the visit begins; then comes the next file that holds
something new, each in turn. A file is known by what it is and not by its name: one that was renamed goes on, one that
was cut or replaced begins anew.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.connectors.files.content import COMPRESSIONS
from stillwell.connectors.files.journal import Journal, Turn
from stillwell.connectors.files.known import File, met
from stillwell.connectors.files.records import Records
from stillwell.errors import Forgot, fail

_LOG = logging.getLogger("stillwell.files")
_QUIET = 5.0
_HELD = 128


@dataclass(frozen=True)
class Folder:
    """What visits ask of their surroundings: the files there now, their names, a reader of one's first bytes."""

    found: Callable[[], list[Path]]
    path: Callable[[str], Path]
    name: Callable[[Path], str]
    reader: Callable[[Path, int], Records]
    several: bool
    follow: bool
    whole: bool
    """Whether a file of this format is written once and never grows."""


@dataclass(frozen=True)
class Taken:
    """Records of one file, and what becomes true when they are handed out."""

    records: pa.Array
    file: File
    place: int
    reader: Records


class Visits:
    """The files met, the one at hand, and those that wait; `cursor` says it all, and building from it goes on."""

    def __init__(self, folder: Folder, journal: Journal, cursor: str) -> None:
        said: dict[str, Any] = json.loads(cursor) if cursor else {"files": [], "at": -1}
        self._folder = folder
        self._journal = journal
        self._files = [File(*one) for one in said["files"]]
        self._now: File | None = self._files[said["at"]] if said["at"] >= 0 else None
        self._last = self._now
        self._turned: Turn | None = None
        self._reader: Records | None = None
        self._held: dict[int, Records] = {}
        self._limit = 0
        self._waiting: list[File] = []
        self._scanned = False

    @property
    def cursor(self) -> str:
        """How far each file was read, and which is at hand."""
        at = next((number for number, file in enumerate(self._files) if file is self._now), -1)
        return json.dumps({"files": [file.plain() for file in self._files], "at": at}, separators=(",", ":"))

    @property
    def over(self) -> bool:
        """True once every file was visited and none is to be followed."""
        return self._scanned and not self._folder.follow and self._reader is None and not self._waiting

    def take(self, offset: int, wanted: int) -> Taken | None:
        """At most `wanted` records for the offsets from `offset` on; None when there is nothing now."""
        while self._reader is not None or self._turn(offset):
            assert self._reader is not None
            assert self._now is not None
            after = self._journal.after(offset)
            if not self._intact(self._now):
                self._leave()
                continue
            most = wanted if after is None else min(wanted, after - offset)
            taken, place = self._reader.take(self._now.place, most)
            if not len(taken):
                self._ended(offset, after)
            elif self._mine(offset):
                return Taken(taken, self._now, place, self._reader)
        return None

    def give(self, taken: Taken, following: int) -> None:
        """These records were handed out; the next offset is `following`."""
        taken.file.place = taken.place
        if self._journal.at(following) is not None:
            self._leave()

    def left(self) -> tuple[int, int]:
        """Records left in the file at hand, bytes left in those that wait."""
        now = self._reader.left(self._now.place) if self._reader is not None and self._now is not None else 0
        return now, sum(max(0, self._size(file) - max(file.size, 0)) for file in self._waiting)

    def close(self) -> None:
        """Give every file back."""
        self._leave()
        while self._held:
            self._held.popitem()[1].close()

    def _turn(self, offset: int) -> bool:
        """Begin the next visit: the one the journal tells of, or else that of the first file with something new."""
        if not self._scanned or (self._folder.follow and not self._waiting):
            self._scan()
        turn = self._journal.at(offset)
        if turn is not None and turn != self._turned:
            self._turned = turn
            self._last = self._file_of(turn)
            self._visit(self._last, turn.place)
            return True
        if not self._waiting:
            return False
        self._visit(self._waiting[0], self._waiting[0].place)
        return True

    def _visit(self, file: File, place: int) -> None:
        self._leave()
        if self._waiting and self._waiting[0] is file:
            del self._waiting[0]
        else:
            self._waiting = [other for other in self._waiting if other is not file]
        self._now, file.place = file, place
        self._reader = self._held.pop(file.inode, None)
        if self._reader is not None:
            self._limit = self._reader.grown() or 0
            self._reader.reach(self._limit)
        else:
            path = self._folder.path(file.path)
            self._limit = path.stat().st_size
            self._reader = self._folder.reader(path, self._limit)

    def _mine(self, offset: int) -> bool:
        """Whether this file has the turn at `offset`: where another begins, the first to write it down decides."""
        file = self._now
        assert file is not None
        begins = self._last is not file and (self._folder.several or self._last is not None)
        if begins:
            turn = Turn(offset, file.path, file.identity, file.place)
            self._turned = self._journal.claim(turn)
            if (self._turned.identity[0], self._turned.place) != (file.inode, file.place):
                self._turned = None
                self._scanned = False
                self._leave()
                return False
        self._last = file
        return True

    def _ended(self, offset: int, after: int | None) -> None:
        """The visit is over; when the journal says that it went further, records are gone."""
        file, reader = self._now, self._reader
        assert file is not None
        assert reader is not None
        if after is not None:
            raise fail(
                Forgot,
                "file-changed",
                f"Records {offset:,} to {after:,} were read from {file.path}, which does not hold them any more.",
                "Put the file back as it was, so that what was begun can be finished.",
            )
        file.size, file.left_at = self._limit, time.monotonic()
        if self._folder.follow and reader.grown() is not None:
            # Held open, because its last lines may come when another file has its name already.
            self._held[file.inode], self._reader = reader, None
            while len(self._held) > _HELD:
                self._held.pop(next(iter(self._held))).close()
        self._leave()

    def _leave(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _intact(self, file: File) -> bool:
        """Whether the file at hand still is what it was, or was cut or written anew under our hands."""
        path = self._folder.path(file.path)
        try:
            moved_away = path.stat().st_ino != file.inode
            intact = moved_away or (path.stat().st_size >= self._limit and file.is_at(path))
        except FileNotFoundError:
            return True
        self._scanned = self._scanned and intact
        return intact

    def _scan(self) -> None:
        """Meet the files that are there now; those with something new wait to be visited."""
        known: dict[int, list[File]] = {}
        for file in self._files:
            known.setdefault(file.inode, []).insert(0, file)
        found = {path: self._still(path, known) for path in self._folder.found()}
        there = {id(file) for file in found.values() if file is not None}
        for path, still in found.items():
            if still is not None:
                still.path = self._folder.name(path)
        named = {file.path: file for file in self._files if id(file) not in there}
        for path in [path for path, file in found.items() if file is None]:
            there.add(id(self._meet(path, named.get(self._folder.name(path)))))
        if not self._scanned:
            self._miss(there)
        self._let_go(there)
        self._waiting = [file for file in self._files if id(file) in there and self._size(file) != file.size]
        if not self._scanned and any(file is self._now for file in self._waiting):
            self._waiting.sort(key=lambda file: file is not self._now)
        self._scanned = True

    def _still(self, path: Path, known: Mapping[int, list[File]]) -> File | None:
        """The known file that `path` leads to now, if it still is what it was."""
        stat = path.stat()
        for file in known.get(stat.st_ino, ()):
            if self._folder.whole:
                same = file.size in (-1, stat.st_size)
            else:
                same = path.suffix in COMPRESSIONS or stat.st_size >= file.place
            return file if same and file.is_at(path) else None
        return None

    def _meet(self, path: Path, before: File | None) -> File:
        name = self._folder.name(path)
        if before is not None and before.inode not in self._held:
            _LOG.warning("%s was cut or replaced: it is read from its beginning, as a new file", name)
        self._files.append(met(path, name))
        return self._files[-1]

    def _miss(self, there: set[int]) -> None:
        if self._now is not None and self._now.size < 0 and id(self._now) not in there:
            _LOG.warning("%s is gone: what it held after place %d is not read", self._now.path, self._now.place)

    def _let_go(self, there: set[int]) -> None:
        """Files that lost their name are read on while they grow, and closed when they have been quiet for a while."""
        for file in self._files:
            reader = self._held.get(file.inode)
            if reader is None or id(file) in there:
                continue
            if self._size(file) != file.size:
                there.add(id(file))
            elif time.monotonic() - file.left_at > _QUIET:
                self._held.pop(file.inode).close()

    def _file_of(self, turn: Turn) -> File:
        for file in self._files:
            path = self._folder.path(file.path)
            if file.inode == turn.identity[0] and path.exists() and file.is_at(path):
                return file
        raise fail(
            Forgot,
            "file-changed",
            f"{turn.path}, from which record {turn.offset:,} was read, is gone or was changed.",
            "Put the file back as it was, so that what was begun can be finished.",
        )

    def _size(self, file: File) -> int:
        held = self._held.get(file.inode)
        size = held.grown() if held is not None else None
        return size if size is not None else self._folder.path(file.path).stat().st_size
