"""A signal that comes before the verb is there to heed it: kept for a run, which then ends at once and says so."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType

ASKED = threading.Event()
"""Set once somebody asked a run to end that had not begun."""


def heed(number: int, _frame: FrameType | None) -> None:
    """What SIGTERM does until a verb says otherwise: a second one ends the process in any case."""
    if sys.argv[1:2] != ["run"]:
        sys.exit(128 + number)
    if ASKED.is_set():
        os._exit(128 + number)
    ASKED.set()
