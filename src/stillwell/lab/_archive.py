"""An archive of the classes that a Java service loads, made once: it starts in half the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stillwell.errors import StillwellError
from stillwell.lab._jars import alone
from stillwell.lab._java import build


def archived(folder: Path, java: Path) -> Path:
    """Where the archive for this build of Java is, or would be, in a folder of the cache."""
    return folder / f"{build(java)}.jsa"


def archive(folder: Path, java: Path, make: Callable[[Path], None]) -> None:
    """Make the archive with `make`, which writes a file, unless it is there already.

    It saves time and nothing else: where it cannot be made, the service starts without it.
    """
    path = archived(folder, java)
    if path.exists():
        return
    try:
        with alone(folder):
            if not path.exists():
                part = path.with_suffix(".part")
                make(part)
                part.replace(path)
    except (OSError, StillwellError):
        return
