"""Writes a file that a person named: it is there whole or not at all, and never takes the place of another unasked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from stillwell.delivery.durable import aside, door, writing
from stillwell.errors import ConnectorError, Problem, StillwellError, fail


class Lines:
    """Takes the text of one file, piece by piece."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path

    def write(self, text: str) -> None:
        """Add some text.

        Raises:
            ConnectorError: codes `unwritable`, `disk-full`.
        """
        with writing(self._path):
            self._file.write(text)


@contextmanager
def complete(path: Path) -> Iterator[Lines]:
    """A new file, which takes the name `path` once everything is written; a pipe or a device is written as it is.

    Raises:
        ConnectorError: codes `unwritable`, `disk-full`.
    """
    regular = path.is_file() or not path.exists()
    if regular:
        door(path.absolute())
    with writing(path):
        written = aside(path.resolve()) if regular else path
        file = written.open("w", encoding="utf-8", newline="")
    try:
        yield Lines(file, path)
        with writing(path):
            file.close()
            if regular:
                written.replace(path.resolve())
    finally:
        with suppress(OSError):
            file.close()
        if regular:
            with suppress(FileNotFoundError):
                written.unlink()


def write(path: Path, text: str) -> None:
    """Put a text into a file."""
    with complete(path) as file:
        file.write(text)


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse to write over files that are there, unless that was asked for.

    Raises:
        StillwellError: code `exists`, with a problem for each.
    """
    there = [path for path in paths if path.is_file() and not force]
    fix = "Move it away, or say --force to write over it."
    if there:
        raise StillwellError(Problem("exists", f"{path} is there already.", fix) for path in there)


def refuse_same(path: Path, inputs: Iterable[Path], option: str) -> None:
    """Refuse to write over what is read.

    Raises:
        ConnectorError: code `same-file`.
    """
    if any(path.exists() and one.exists() and path.samefile(one) for one in inputs):
        raise fail(ConnectorError, "same-file", f"{path} is what is read.", "Name another file.", path=option)
