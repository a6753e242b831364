"""The tables of the store, and how its file is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from stillwell._hidden import make
from stillwell.delivery.durable import refusal
from stillwell.errors import ConnectorError, fail

VERSION = 1
"""Of the tables; a store of another version is refused."""

_TABLES = """
CREATE TABLE marks (name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE shapes (id INTEGER PRIMARY KEY, shape TEXT UNIQUE NOT NULL);
CREATE TABLE groups (id INTEGER PRIMARY KEY, fields TEXT NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    UNIQUE (fields, name));
CREATE TABLE cells (level INTEGER NOT NULL, start INTEGER NOT NULL, grp INTEGER NOT NULL REFERENCES groups,
    read INTEGER NOT NULL, accepted INTEGER NOT NULL, quarantined INTEGER NOT NULL,
    shape INTEGER NOT NULL REFERENCES shapes, numbers BLOB NOT NULL, sketches BLOB NOT NULL,
    PRIMARY KEY (level, start, grp));
CREATE INDEX series ON cells (grp, level, start);
CREATE TABLE lines (source TEXT NOT NULL, partition INTEGER NOT NULL, start INTEGER NOT NULL, next INTEGER NOT NULL,
    clock INTEGER NOT NULL, contract TEXT NOT NULL, epochs INTEGER NOT NULL, read INTEGER NOT NULL,
    accepted INTEGER NOT NULL, quarantined INTEGER NOT NULL, seen INTEGER NOT NULL,
    PRIMARY KEY (source, partition, start)) WITHOUT ROWID;
CREATE TABLE findings (fingerprint TEXT NOT NULL, start INTEGER NOT NULL, revision INTEGER NOT NULL,
    end INTEGER NOT NULL, contract TEXT NOT NULL, expectation TEXT NOT NULL, grp TEXT NOT NULL, field TEXT NOT NULL,
    kind TEXT NOT NULL, severity TEXT NOT NULL, observed REAL, expected TEXT NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (fingerprint, start, revision)) WITHOUT ROWID;
CREATE INDEX findings_by_time ON findings (start);
"""


def opened(path: Path) -> sqlite3.Connection:
    """A connection to the file, which is made where it is missing; its threads take turns.

    Raises:
        ConnectorError: codes `disk-full`, `unwritable`, `store-damaged` and `other-version`.
    """
    with sqlite_errors(path):
        try:
            make(path.parent)
        except OSError as error:
            raise refusal(path, error) from error
        database = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        # Whoever reads sees the last commit, and whoever writes does not wait for readers.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if not version:
            database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            what = f"{path} is a store of version {version}, and this is made for version {VERSION}."
            raise fail(ConnectorError, "other-version", what, "Name another file, or move this one away.")
        return database


@contextlib.contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Say what SQLite says in our one shape."""
    try:
        yield
    except sqlite3.Error as error:
        told = str(error)
        if "full" in told:
            code, fix = "disk-full", "Make room and start again; what was committed is undamaged."
        elif "malformed" in told or "not a database" in told:
            code, fix = "store-damaged", "Move the file away: a new one begins with what is read from now on."
        else:
            code, fix = "unwritable", "See that this user may write there, and that no other program holds it."
        raise fail(ConnectorError, code, f"{path}: {told}.", fix) from error
