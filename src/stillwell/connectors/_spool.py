"""A spool makes a source that cannot be read again into one that can: every chunk is kept before it is handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors.base import Chunk, Options, Source
from stillwell.delivery.durable import aside, make_folder, sync_file, sync_folder, writing
from stillwell.delivery.slice import Position
from stillwell.kernel.base import Format

KEEP_BYTES = 1 << 30
"""How much of what is already committed stays in the spool, for `audit` to read again; the oldest goes first."""

KEEP_FILES = 4096
"""How many files of what is already committed stay: a slow source fills many small ones."""


@dataclass(frozen=True, order=True)
class _File:
    """Records `start` up to but without `end`."""

    start: int
    end: int
    size: int
    path: Path

    @staticmethod
    def at(path: Path) -> _File:
        start, end = path.stem.split("-")
        return _File(int(start), int(end), path.stat().st_size, path)


class Kept:
    """What a spool holds, read again: all that `audit` needs of a source that cannot be. It writes nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left: list[_File] = []
        self._offset = 0

    def files(self) -> list[_File]:
        """What is kept, oldest first."""
        return sorted(_File.at(path) for path in self._folder.glob("*-*.arrow"))

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Start at an offset of partition 0, or at the first one that is still kept."""
        self._offset = positions.get(0, Position()).offset
        self._left = [file for file in self.files() if file.end > self._offset]

    def read(self, _records: int) -> Chunk | None:
        """What one file holds; None after the last."""
        if not self._left:
            return None
        file = self._left.pop(0)
        with pa.memory_map(str(file.path)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
        return Chunk(table.slice(max(self._offset - file.start, 0)), {0: Position(file.end)})

    @property
    def finished(self) -> bool:
        """True once everything that is kept was read."""
        return not self._left


class Spool:
    """Wraps a source of one partition. Files are named by their range of offsets: `<start>-<end>.arrow`."""

    Options: ClassVar[type[BaseModel]] = Options
    replayable = True

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._kept = Kept(folder)
        self._files: list[_File] = []
        self._live = False

    @property
    def identity(self) -> str:
        """That of the source."""
        return self._source.identity

    @property
    def format(self) -> Format:
        """That of the source."""
        return self._source.format

    @property
    def finished(self) -> bool:
        """True once the spool was read and the source has finished."""
        return self._kept.finished and self._source.finished

    def check(self) -> str:
        """That of the source."""
        return f"{self._source.check()}, spooled in {self._folder}"

    def open(self) -> None:
        """Open the source and the folder."""
        self._source.open()
        with writing(self._folder):
            make_folder(self._folder)
        self._files = self._kept.files()

    def seek(self, positions: Mapping[int, Position]) -> None:
        """First what the spool holds from there on, then the source, whose offsets go on after all that is kept."""
        self._kept.seek(positions)
        if not self._live:
            end = max((file.end for file in self._files), default=0)
            self._source.seek({0: Position(max(end, positions.get(0, Position()).offset))})
            self._live = True

    def read(self, records: int) -> Chunk | None:
        """The next chunk; one of the source is durable before it is handed on."""
        if not self._kept.finished:
            return self._kept.read(records)
        chunk = self._source.read(records)
        if chunk is not None and len(chunk.table):
            self._keep(chunk)
        return chunk

    def committed(self, positions: Mapping[int, Position]) -> None:
        """Every sink holds what is before these positions: the oldest of it may go."""
        done = [file for file in self._files if file.end <= positions[0].offset]
        spare = sum(file.size for file in done) - KEEP_BYTES
        for index, file in enumerate(done):
            if spare <= 0 and len(done) - index <= KEEP_FILES:
                break
            file.path.unlink(missing_ok=True)
            self._files.remove(file)
            spare -= file.size

    def lag(self) -> int | None:
        """That of the source."""
        return self._source.lag()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _keep(self, chunk: Chunk) -> None:
        end = chunk.ends[0].offset
        path = self._folder / f"{end - len(chunk.table):020}-{end:020}.arrow"
        written = aside(path)
        with writing(path):
            try:
                with pa.OSFile(str(written), "wb") as file, pa.ipc.new_file(file, chunk.table.schema) as writer:
                    writer.write_table(chunk.table)
                sync_file(written)
            except OSError:
                written.unlink(missing_ok=True)
                raise
            written.rename(path)
            sync_folder(self._folder)
        self._files.append(_File.at(path))
