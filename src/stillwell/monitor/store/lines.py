"""The lines of the ledger in the store: one a slice, and by the hour once they are as old as fine tallies get."""

from __future__ import annotations

import datetime as dt
import sqlite3

from stillwell.delivery.intent import Intent
from stillwell.monitor.base import EPOCH
from stillwell.monitor.store.options import StoreOptions

_HOUR = dt.timedelta(hours=1)
_MICRO = dt.timedelta(microseconds=1)


def add_lines(database: sqlite3.Connection, intent: Intent, *, seen: bool) -> None:
    """Add the slices of an epoch; `seen` says whether its tally was."""
    clock = (intent.clock - EPOCH) // _MICRO
    database.executemany(
        "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
        [
            (
                intent.source,
                part.partition,
                part.start.offset,
                part.end.offset,
                clock,
                intent.contract,
                part.facts.read,
                part.facts.accepted,
                part.facts.quarantined,
                int(seen),
            )
            for part in intent.slices
        ],
    )


def thin_lines(database: sqlite3.Connection, options: StoreOptions) -> None:
    """Join the lines of a partition and hour that are older than `minutes`, and drop those older than `days`.

    Age is told from the newest clock of a line: a store that is not written does not age.
    """
    newest = database.execute("SELECT max(clock) FROM lines").fetchone()[0]
    if newest is None:
        return
    hour, until = _HOUR // _MICRO, (newest - options.minutes // _MICRO) // (_HOUR // _MICRO) * (_HOUR // _MICRO)
    due = database.execute("SELECT count(*) FROM lines WHERE clock < ? AND clock % ? != 0", (until, hour)).fetchone()
    if not due[0]:
        return
    # An hour that was joined has its beginning for a clock: it is not due again.
    joined = database.execute(
        "SELECT source, partition, min(start), max(next), clock / ? * ?, contract, sum(epochs), sum(read), "
        "sum(accepted), sum(quarantined), seen FROM lines WHERE clock < ? "
        "GROUP BY source, partition, clock / ?, contract, seen",
        (hour, hour, until, hour),
    ).fetchall()
    database.execute("DELETE FROM lines WHERE clock < ?", (until,))
    database.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", joined)
    database.execute("DELETE FROM lines WHERE clock < ?", (newest - options.days // _MICRO,))
