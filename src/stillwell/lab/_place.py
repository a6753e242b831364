"""Files of the lab: one process at a time, and only this user reads them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from stillwell._hidden import make
from stillwell.errors import StillwellError, fail


@contextlib.contextmanager
def alone(lock: Path, fix: str) -> Iterator[None]:
    """Hold this lock, for which others wait; a killed process lets go of it by itself.

    Raises:
        StillwellError: code `unwritable`, with `fix`, when there is no lock to be had in that folder.
    """
    try:
        make(lock.parent)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise fail(StillwellError, "unwritable", f"{lock.parent} cannot be written: {error.strerror}.", fix) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def written(path: Path, content: bytes) -> Path:
    """Put a file that only this user can read in its place in one step, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return aside.replace(path)
