"""The bytes of one file from any place on; a place in a compressed file counts decompressed bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

_STEP = 1 << 20

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
"""Compression by the end of a file's name."""


class Content(Protocol):
    """What a reader of records asks of a file."""

    def window(self, place: int, size: int) -> tuple[bytes, bool]:
        """At most `size` bytes from `place` on, and whether they reach the end."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Plain:
    """An uncompressed file, of which only the first `limit` bytes are looked at."""

    def __init__(self, path: Path, limit: int) -> None:
        self.limit = limit
        self.handle = os.open(path, os.O_RDONLY)

    def window(self, place: int, size: int) -> tuple[bytes, bool]:
        """At most `size` bytes from `place` on, and whether they reach the end."""
        block = os.pread(self.handle, max(0, min(size, self.limit - place)), place)
        return block, place + len(block) >= self.limit

    def close(self) -> None:
        """Give the file back."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


class Compressed:
    """A compressed file, read forward only: going back begins anew."""

    def __init__(self, path: Path, compression: str) -> None:
        self._path = path
        self._compression = compression
        self._stream: Any = None
        self._start = 0
        self._rest = b""

    def window(self, place: int, size: int) -> tuple[bytes, bool]:
        """At most `size` bytes from `place` on, and whether they reach the end."""
        if self._stream is None or place < self._start:
            self.close()
            self._stream = pa.input_stream(str(self._path), compression=self._compression)
            self._start, self._rest = 0, b""
        while place > self._start + len(self._rest):
            self._start += len(self._rest)
            self._rest = self._stream.read(min(_STEP, place - self._start))
            if not self._rest:
                return b"", True
        self._rest = self._rest[place - self._start :]
        self._start = place
        # One byte more than asked for tells whether the end is reached.
        parts = [self._rest]
        missing = size + 1 - len(self._rest)
        while missing > 0 and (part := self._stream.read(missing)):
            parts.append(part)
            missing -= len(part)
        self._rest = b"".join(parts)
        return self._rest[:size], len(self._rest) <= size

    def close(self) -> None:
        """Give the file back."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def content(path: Path, limit: int) -> Content:
    """The content of a file, decompressed as its name says."""
    compression = COMPRESSIONS.get(path.suffix)
    return Compressed(path, compression) if compression else Plain(path, limit)
