"""Which file is which: a file is its inode and the fingerprint of its head, whatever its name is now."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

_HEAD = 1024


@dataclass
class File:
    """A file that was met, and how far it was read.

    `head` is how many bytes the fingerprint `print` covers. `place` is where reading goes on (byte, or row of a Parquet
    file), `size` how many bytes the file held when its end was reached, -1 before that, and
    `left_at` when that was, by the monotonic clock.
    """

    path: str
    inode: int
    head: int
    print: str
    size: int = -1
    place: int = 0
    left_at: float = field(default=0.0, compare=False)

    def plain(self) -> list[str | int]:
        """The form in which a cursor keeps it; `File(*plain)` is the way back."""
        return [self.path, self.inode, self.head, self.print, self.size, self.place]

    @property
    def identity(self) -> tuple[int, int, str]:
        """What makes it this file."""
        return self.inode, self.head, self.print

    def is_at(self, path: Path) -> bool:
        """Whether `path` now leads to this file; if so, the fingerprint grows with it."""
        handle = os.open(path, os.O_RDONLY)
        try:
            return self.is_open_as(handle)
        finally:
            os.close(handle)

    def is_open_as(self, handle: int) -> bool:
        """The same of an open file."""
        if os.fstat(handle).st_ino != self.inode:
            return False
        head = os.pread(handle, _HEAD, 0)
        if len(head) < self.head or _fingerprint(head[: self.head]) != self.print:
            return False
        if len(head) > self.head:
            self.head, self.print = len(head), _fingerprint(head)
        return True


def met(path: Path, name: str) -> File:
    """A file that is met for the first time, under the name it is to be known by."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        return File(name, os.fstat(file.fileno()).st_ino, len(head), _fingerprint(head))


def _fingerprint(head: bytes) -> str:
    return xxhash.xxh3_64_hexdigest(head)
