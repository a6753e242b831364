"""One run of a pipeline at a time, or several that share a source: a lock of the operating system.

A killed run lets go of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from stillwell._hidden import make
from stillwell.delivery.durable import writing
from stillwell.errors import PipelineError, fail

_ANOTHER = "Stop that run first, or give this pipeline a name and places of its own."


@contextlib.contextmanager
def run_lock(pipeline: str, state: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold `run.lock` in the state folder, which says the number of this process; with `shared`, beside others.

    Raises:
        PipelineError: code `already-running`, with the number of the process that holds it.
        ConnectorError: codes `disk-full` and `unwritable`, when the folder cannot be written.
    """
    path = state / "run.lock"
    with writing(path):
        make(state)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        _take(file, pipeline, shared=shared)
        with writing(path):
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            # Truncated, not removed: whoever waits at the old file would then hold a lock that nobody else sees.
            file.truncate(0)


@contextlib.contextmanager
def still(pipeline: str, state: Path) -> Iterator[None]:
    """Let no run begin while this lasts, and write nothing: what an audit needs.

    Raises:
        PipelineError: code `already-running`, when one is under way.
    """
    with contextlib.ExitStack() as open_files:
        with contextlib.suppress(FileNotFoundError):
            fix = "An audit needs all to stand still: stop that process or wait until it ends, then audit again."
            _take(open_files.enter_context((state / "run.lock").open("rb", buffering=0)), pipeline, fix=fix)
        yield


def _take(file: FileIO, pipeline: str, *, shared: bool = False, fix: str = _ANOTHER) -> None:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = file.read(20).decode().strip()
        raise fail(
            PipelineError,
            "already-running",
            f"Pipeline `{pipeline}` runs already{f', as process {holder}' if holder else ''}.",
            fix,
        ) from None
