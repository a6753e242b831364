"""Notices a source that has fallen silent: while no epoch comes, windows are judged by how long it has been."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator

from stillwell.errors import StillwellError
from stillwell.monitor.monitor import Monitor

EVERY = 5.0
"""Seconds between two looks."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextlib.contextmanager
def listening(monitor: Monitor, every: float = EVERY, now: Callable[[], dt.datetime] = _now) -> Iterator[None]:
    """Look now and then, while this lasts, whether windows passed in which nothing came.

    Raises:
        StillwellError: at the end, when the store could not be read or written meanwhile.
    """
    over, failures = threading.Event(), list[StillwellError]()
    since = now()

    def look() -> None:
        while not over.wait(every):
            try:
                monitor.tick(now(), since)
            except StillwellError as error:
                failures.append(error)
                return

    thread = threading.Thread(target=look, name="monitor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]
