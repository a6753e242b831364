"""What is left of a crash: a file to report, with where it happened and what kind it was, but none of the data."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from stillwell._version import __version__
from stillwell.errors import Problem

TRACEBACK = "STILLWELL_TRACEBACK"
"""Set in the environment, it shows the whole exception in the terminal, messages and all."""


def crash(error: BaseException, arguments: list[str]) -> Problem:
    """Write the file and give the problem that names it."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error, file=sys.stderr)
    moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    written = _written(f"stillwell-crash-{moment}-{os.getpid()}.txt", "\n".join(_lines(error, arguments)) + "\n")
    fix = f"Report {written} (secrets and values are left out)." if written else f"Run it again with {TRACEBACK}=1."
    return Problem("internal", "This is a fault in Stillwell, not in your data.", fix)


def _lines(error: BaseException, arguments: list[str]) -> Iterator[str]:
    # An exception's message may hold a value and an argument a secret: kinds and places say enough to find the fault.
    options = (one.partition("=")[0] for one in arguments[1:] if one.startswith("--"))
    yield f"stillwell {__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield " ".join(["stillwell", *arguments[:1], *options])
    following: BaseException | None = error
    while following is not None:
        yield f"{type(following).__module__}.{type(following).__qualname__}"
        for frame in traceback.extract_tb(following.__traceback__):
            yield f"  {_short(frame.filename)}:{frame.lineno} {frame.name}"
        following = following.__cause__ or following.__context__


def _short(file: str) -> str:
    """A file's name without what lies above the package it belongs to."""
    parts = Path(file).parts
    start = max((place for place, part in enumerate(parts) if part in ("src", "site-packages")), default=len(parts) - 2)
    return "/".join(parts[start + 1 :])


def _written(name: str, text: str) -> Path | None:
    for folder in (Path(), Path(tempfile.gettempdir())):
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError:
            continue
        return folder / name
    return None
