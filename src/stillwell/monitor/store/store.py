"""The store: each epoch's tally is added once, together with the mark that says so, and grows coarser with age.

A moment lies in one level alone: 0 as fine as windows need it, 1 by the hour, 2 by the day. What is older than a level
reaches is merged into the next, exactly so for counts and histograms.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stillwell.delivery.intent import Intent
from stillwell.delivery.mark import moved
from stillwell.kernel.tally import Cell, Tally, merge
from stillwell.monitor.store.lines import add_lines, thin_lines
from stillwell.monitor.store.names import named
from stillwell.monitor.store.options import StoreOptions
from stillwell.monitor.store.packed import Shape, packed, unpacked
from stillwell.monitor.store.schema import opened, sqlite_errors

MICRO = dt.timedelta(microseconds=1)
LENGTHS = (dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1))
"""Of a cell of each level; at level 0 as short as the contract's windows ask."""

_HOUR, _DAY = (length // MICRO for length in LENGTHS[1:])
OTHERS = "(others)"
"""The name of the group that holds what came beyond the number of groups that are kept apart."""


class Store:
    """The file at `path`. Several threads may use it, in turns; other processes may read it all the while."""

    def __init__(self, path: Path, options: StoreOptions) -> None:
        self.path = path
        self._options = options
        self._database: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._shapes: dict[str, int] = {}
        self._groups: dict[tuple[str, str], int] = {}

    def open(self) -> None:
        """Open the file, or make it.

        Raises:
            ConnectorError: codes `disk-full`, `unwritable`, `store-damaged` and `other-version`.
        """
        self._database = opened(self.path)

    def close(self) -> None:
        """Give the file back; may be called twice."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed since."""
        return self._database is not None

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, of a store that is open."""
        assert self._database is not None, "open it first"
        return self._database

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """All that is done meanwhile is committed in one atomic step, or none of it."""
        with self._lock, sqlite_errors(self.path):
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.database.execute("ROLLBACK")
                self._shapes.clear()
                self._groups.clear()
                raise
            self.database.execute("COMMIT")

    def query(self, text: str, *given: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock, sqlite_errors(self.path):
            return self.database.execute(text, given).fetchall()

    def marks(self) -> dict[str, int]:
        """The next offset by mark name; empty for a store that was never begun."""
        return dict(self.query("SELECT name, next FROM marks"))

    def begin(self, marks: Mapping[str, int]) -> None:
        """What lies before these marks is none of this store's; once only."""
        with self.step():
            self.database.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", list(marks.items()))
            self.remember("begun", 1)

    @property
    def begun(self) -> bool:
        """Whether it was said from where on it keeps tallies."""
        return bool(self.recall("begun", 0))

    def remember(self, name: str, value: int) -> None:
        """Keep a number under a name."""
        self.database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def recall(self, name: str, otherwise: int) -> int:
        """The number under a name."""
        found = self.query("SELECT value FROM facts WHERE name = ?", name)
        return int(found[0][0]) if found else otherwise

    def add(self, intent: Intent, tally: Tally | None) -> None:
        """Add what an epoch counted, inside a `step`; None where it could not be counted.

        Raises:
            Fenced: when it was added before, or one before it is missing.
        """
        after = moved(self.marks(), intent.advances())
        self.database.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", list(after.items()))
        add_lines(self.database, intent, seen=tally is not None)
        if tally is not None and tally.cells:
            self._merge(self._levelled(named(tally, self._known(tally.group), self._options.groups, OTHERS)))

    def _known(self, fields: tuple[str, ...]) -> set[str]:
        return {name for (name,) in self.query("SELECT name FROM groups WHERE fields = ?", json.dumps(fields))}

    def _levelled(self, tally: Tally) -> list[tuple[int, Tally]]:
        """The parts of a tally that belong into each level."""
        starts = np.array([start for start, _ in tally.cells])
        fine, hours = self.recall("fine", np.iinfo(np.int64).min), self.recall("hours", np.iinfo(np.int64).min)
        level = np.where(starts < hours, 2, np.where(starts < fine, 1, 0))
        parts = []
        for one in np.unique(level):
            at = np.flatnonzero(level == one)
            parts.append((int(one), _coarser(tally, at, int(one))))
        return parts

    def _merge(self, parts: Sequence[tuple[int, Tally]]) -> None:
        """Add cells to those that are there."""
        for level, tally in parts:
            times: dict[tuple[str | None, ...], list[int]] = {}
            for start, group in tally.cells:
                times.setdefault(group, []).append(start)
            numbers = {group: self._group(tally.group, group, min(some), max(some)) for group, some in times.items()}
            there = [(level, start, numbers[group]) for start, group in tally.cells]
            before = self._read_cells(there, tally)
            whole = merge([tally, *before]) if before else tally
            shape = self._shape(Shape.of(whole))
            counts = [whole.counts[name].tolist() for name in ("read", "accepted", "quarantined")]
            rows = [
                (level, start, numbers[group], *(count[at] for count in counts), shape, *blobs)
                for at, ((start, group), blobs) in enumerate(zip(whole.cells, packed(whole), strict=True))
            ]
            self.database.executemany("INSERT OR REPLACE INTO cells VALUES (?,?,?,?,?,?,?,?,?)", rows)

    def _read_cells(self, places: Sequence[tuple[int, int, int]], like: Tally) -> list[Tally]:
        found = []
        for place, cell in zip(places, like.cells, strict=True):
            row = self.database.execute(
                "SELECT shape, numbers, sketches FROM cells WHERE level = ? AND start = ? AND grp = ?", place
            ).fetchone()
            if row:
                found.append((cell, *row))
        return self._tallies(found, like.window, like.group)

    def _tallies(
        self, rows: Sequence[tuple[Cell, int, bytes, bytes]], window: dt.timedelta, group: tuple[str, ...]
    ) -> list[Tally]:
        """Rows as tallies, one for each shape."""
        by_shape: dict[int, list[tuple[Cell, int, bytes, bytes]]] = {}
        for row in rows:
            by_shape.setdefault(row[1], []).append(row)
        tallies = []
        for number, some in by_shape.items():
            text = self.query("SELECT shape FROM shapes WHERE id = ?", number)[0][0]
            blobs = [(row[2], row[3]) for row in some]
            tallies.append(unpacked(Shape.from_json(text), tuple(row[0] for row in some), blobs, window, group))
        return tallies

    def _shape(self, shape: Shape) -> int:
        text = shape.to_json()
        if text not in self._shapes:
            self.database.execute("INSERT OR IGNORE INTO shapes (shape) VALUES (?)", (text,))
            self._shapes[text] = self.query("SELECT id FROM shapes WHERE shape = ?", text)[0][0]
        return self._shapes[text]

    def _group(self, fields: tuple[str, ...], group: tuple[str | None, ...], first: int, last: int) -> int:
        key = json.dumps(fields), json.dumps(group)
        self.database.execute(
            "INSERT INTO groups (fields, name, first, last) VALUES (?, ?, ?, ?) ON CONFLICT (fields, name) DO UPDATE "
            "SET first = min(first, excluded.first), last = max(last, excluded.last)",
            (*key, first, last),
        )
        if key not in self._groups:
            self._groups[key] = self.query("SELECT id FROM groups WHERE fields = ? AND name = ?", *key)[0][0]
        return self._groups[key]

    def groups(self, fields: tuple[str, ...], since: int) -> list[tuple[tuple[str | None, ...], int, int]]:
        """The groups of these fields that had a record at or after this time, and when they had the first and last."""
        text = "SELECT name, first, last FROM groups WHERE fields = ? AND last >= ?"
        found = self.query(text, json.dumps(fields), since)
        return [(tuple(json.loads(name)), first, last) for name, first, last in found]

    def before(self, fields: tuple[str, ...], start: int) -> Tally | None:
        """Of each group of these fields the newest cell before a time that had an accepted record; None without any."""
        rows = self.query(
            "SELECT max(start), name, shape, numbers, x'' FROM groups JOIN cells ON grp = groups.id "
            "WHERE fields = ? AND start < ? AND accepted > 0 GROUP BY grp",
            json.dumps(fields),
            start,
        )
        cells = [((one, tuple(json.loads(name))), *rest) for one, name, *rest in rows]
        tallies = self._tallies(cells, LENGTHS[0], fields)
        return merge(tallies) if tallies else None

    def tally(
        self,
        fields: tuple[str, ...],
        start: int,
        end: int,
        *,
        group: tuple[str | None, ...] | None = None,
        sketches: bool = True,
    ) -> Tally | None:
        """The cells of groups of these fields that begin from `start` up to but without `end`; None if there is none.

        `group` is the only one that is asked for; without `sketches` histograms and registers stay where they are,
        which is several times as fast.
        """
        second = "sketches" if sketches else "x''"
        only = "" if group is None else " AND name = ?"
        rows = self.query(
            f"SELECT start, name, shape, numbers, {second} FROM groups JOIN cells ON grp = groups.id "
            f"WHERE fields = ? AND level IN (0, 1, 2) AND start >= ? AND start < ?{only} ORDER BY start, name",
            json.dumps(fields),
            start,
            end,
            *([] if group is None else [json.dumps(group)]),
        )
        cells = [((one, tuple(json.loads(name))), *rest) for one, name, *rest in rows]
        tallies = self._tallies(cells, LENGTHS[0], fields)
        # No two cells of one shape are the same.
        return merge(tallies) if len(tallies) > 1 else tallies[0] if tallies else None

    def age(self, watermark: int) -> None:
        """Make coarser what is old, and drop what is older than all that is kept, inside a `step`."""
        options = self._options
        for level, name, keep, length in ((0, "fine", options.minutes, _HOUR), (1, "hours", options.hours, _DAY)):
            until = (watermark - keep // MICRO) // length * length
            if until > self.recall(name, np.iinfo(np.int64).min):
                self._roll(level, until, length)
                self.remember(name, until)
        gone = watermark - options.days // MICRO
        self.database.execute("DELETE FROM cells WHERE level = 2 AND start < ?", (gone,))
        self.database.execute("DELETE FROM findings WHERE end < ?", (gone,))
        thin_lines(self.database, options)

    def _roll(self, level: int, until: int, length: int) -> None:
        """Merge what lies before `until` into the next level, one of its cells' lengths at a time."""
        begins = self.query("SELECT DISTINCT start FROM cells WHERE level = ? AND start < ?", level, until)
        for begin in sorted({start // length * length for (start,) in begins}):
            for (fields,) in self.query("SELECT DISTINCT fields FROM groups"):
                rows = self.query(
                    "SELECT start, name, shape, numbers, sketches FROM cells JOIN groups ON grp = groups.id "
                    "WHERE level = ? AND start >= ? AND start < ? AND fields = ?",
                    level,
                    begin,
                    begin + length,
                    fields,
                )
                group = tuple(json.loads(fields))
                cells = [((start, tuple(json.loads(name))), *rest) for start, name, *rest in rows]
                tallies = self._tallies(cells, LENGTHS[level], group)
                if tallies:
                    whole = merge(tallies)
                    self._merge([(level + 1, _coarser(whole, np.arange(len(whole.cells)), level + 1))])
            self.database.execute(
                "DELETE FROM cells WHERE level = ? AND start >= ? AND start < ?", (level, begin, begin + length)
            )


def _coarser(tally: Tally, chosen: np.ndarray[Any, np.dtype[np.int64]], level: int) -> Tally:
    """The chosen cells of a tally as cells of a level."""
    length = LENGTHS[level] // MICRO if level else 1
    cells = {index: (tally.cells[index][0] // length * length, tally.cells[index][1]) for index in chosen.tolist()}
    kept = tuple(dict.fromkeys(cells.values()))
    number = {cell: at for at, cell in enumerate(kept)}
    # What is not chosen goes to a cell behind the others, which is then left out.
    at = np.full(len(tally.cells), len(kept))
    at[chosen] = [number[cells[index]] for index in chosen.tolist()]
    if len(chosen) == len(tally.cells):
        return tally.moved([at], kept, tally.window, tally.group)
    return tally.moved([at], (*kept, (0, ())), tally.window, tally.group).first(len(kept))
