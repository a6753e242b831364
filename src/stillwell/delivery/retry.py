"""Tries again what failed for a reason that may pass: a full disk, a broker that restarts."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stillwell.errors import ConnectorError

PASSING = frozenset({"disk-full", "unreachable", "unwritable"})
"""Codes of errors that may be gone the next time."""

_FIRST, _LONGEST = 0.1, 5.0
_LOG = logging.getLogger("stillwell.delivery")


@dataclass(frozen=True)
class Retry:
    """Tries again for as long as `patience`, in pauses that double up to five seconds, unless `stop` is set."""

    patience: dt.timedelta = dt.timedelta(0)
    stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, work: Callable[[], None], look: Callable[[], None]) -> None:
        """Do `work`; where it fails, `look` at what it did all the same, and do it again.

        Raises:
            StillwellError: the last error, when it cannot pass, or patience is at an end.
        """
        until = time.monotonic() + self.patience.total_seconds()
        pause, steps = _FIRST, [work]
        while True:
            try:
                for step in steps:
                    step()
                return
            except ConnectorError as error:
                left = until - time.monotonic()
                codes = {problem.code for problem in error.problems}
                if not codes <= PASSING or left <= 0:
                    raise
                _LOG.warning("A sink failed (%s); it is tried again for %.0f s.", ", ".join(sorted(codes)), left)
                if self.stop.wait(min(pause, left)):
                    raise
            pause, steps = min(2 * pause, _LONGEST), [look, work]
