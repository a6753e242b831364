"""A spool keeps what cannot be read again until every sink holds it, and a little longer."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from stillwell.connectors import _spool
from stillwell.connectors._spool import Kept, Spool
from stillwell.connectors.base import Chunk
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from stillwell.kernel.base import Format
from tests.delivery.stage import Died, Fuse, Stage, batch, payload


class Once:
    """A source whose records are gone once they were given: what the next one is given are those that come then."""

    replayable = False
    identity = "once"
    format = Format("json")

    def __init__(self, coming, most=1000):
        self.coming = coming
        self._most = most
        self._offset = 0

    def check(self):
        return "once"

    def open(self):
        """Nothing to open."""

    def seek(self, positions):
        self._offset = positions.get(0, Position()).offset

    def read(self, records):
        taken = [self.coming.pop(0) for _ in range(min(records, self._most, len(self.coming)))]
        if not taken:
            return None
        table = pa.table(
            {
                "partition": pa.array([0] * len(taken), pa.int32()),
                "offset": pa.array(range(self._offset, self._offset + len(taken)), pa.int64()),
                "payload": pa.array(taken, pa.binary()),
            }
        )
        self._offset += len(taken)
        return Chunk(table, {0: Position(self._offset)})

    @property
    def finished(self):
        return not self.coming

    def lag(self):
        return None

    def close(self):
        """Nothing to give back."""


def spool(folder, coming, start=0, most=1000):
    made = Spool(Once(coming, most), folder)
    made.open()
    made.seek({0: Position(start)})
    return made


def rest(source, size=10):
    found = []
    while not source.finished:
        chunk = source.read(size)
        if chunk is not None:
            found += zip(chunk.table["offset"].to_pylist(), chunk.table["payload"].to_pylist(), strict=True)
            assert chunk.ends[0].offset == found[-1][0] + 1
    return found


LETTERS = [b"%d" % n for n in range(100)]
ALL = list(enumerate(LETTERS))


def test_what_was_handed_on_is_read_again_from_any_offset_and_then_what_comes(tmp_path):
    coming = list(LETTERS[:60])
    assert rest(spool(tmp_path, coming), 25) == ALL[:60]
    for start in (0, 7, 25, 59, 60):
        assert rest(spool(tmp_path, [], start)) == ALL[start:60]
    assert rest(spool(tmp_path, list(LETTERS[60:]), 33)) == ALL[33:]
    assert rest(spool(tmp_path, [], 0)) == ALL


def test_what_was_read_is_durable_before_it_is_handed_on(tmp_path):
    source = spool(tmp_path, list(LETTERS))
    assert source.read(30).ends == {0: Position(30)}
    # Never closed, as if it had been killed here.
    assert rest(spool(tmp_path, [], 0)) == ALL[:30]


def test_reading_again_in_the_middle_of_a_run_loses_nothing_of_what_is_to_come(tmp_path):
    """As recovery does it: it seeks an intent, and then goes on."""
    rest(spool(tmp_path, list(LETTERS[:40])))
    source = spool(tmp_path, list(LETTERS[40:]), 20)
    assert source.read(10).table["payload"][0].as_py() == b"20"
    source.seek({0: Position(35)})
    assert rest(source) == ALL[35:]


def test_records_without_a_spool_begin_where_the_sinks_stand(tmp_path):
    """The spool was lost, what is committed is not: offsets are never given twice."""
    assert rest(spool(tmp_path, [b"x"], 70)) == [(70, b"x")]


def test_half_a_file_of_a_killed_run_is_not_read(tmp_path):
    rest(spool(tmp_path, list(LETTERS[:10])))
    (tmp_path / f".{10:020}-{20:020}.arrow.0.aside").write_bytes(b"ARROW1")
    assert rest(spool(tmp_path, [b"x"], 0)) == [*ALL[:10], (10, b"x")]


def test_of_what_is_committed_only_the_newest_stays(tmp_path, monkeypatch):
    """By bytes, and by number of files; what is not committed stays whatever it takes."""
    source = spool(tmp_path, list(LETTERS))
    for _ in range(10):
        source.read(10)
    size = next(tmp_path.glob("*.arrow")).stat().st_size
    monkeypatch.setattr(_spool, "KEEP_BYTES", 4 * size)
    source.committed({0: Position(55)})
    assert kept(tmp_path) == [10, *range(20, 100, 10)]
    monkeypatch.setattr(_spool, "KEEP_FILES", 2)
    source.committed({0: Position(70)})
    assert kept(tmp_path) == [50, 60, 70, 80, 90]
    source.committed({0: Position(70)})
    assert kept(tmp_path) == [50, 60, 70, 80, 90]
    # Another run knows what the first one left.
    again = spool(tmp_path, [b"x"], 70)
    assert rest(again) == [*ALL[70:], (100, b"x")]
    again.committed({0: Position(101)})
    assert kept(tmp_path) == [90, 100]


def kept(folder):
    return sorted(int(path.name[:20]) for path in folder.glob("*.arrow"))


def test_an_audit_reads_what_is_kept_and_never_the_source(tmp_path):
    rest(spool(tmp_path, list(LETTERS)), 10)
    for path in sorted(tmp_path.glob("*.arrow"))[:3]:
        path.unlink()
    source = Kept(tmp_path)
    source.seek({0: Position(35)})
    assert rest(source) == ALL[35:]
    source.seek({0: Position(0)})
    assert rest(source) == ALL[30:]
    assert source.read(10) is None
    assert rest(Kept(tmp_path / "missing")) == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_behind(tmp_path, monkeypatch):
    source = spool(tmp_path, list(LETTERS))

    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_spool, "sync_file", full)
    with pytest.raises(ConnectorError, match="no room"):
        source.read(10)
    assert list(tmp_path.iterdir()) == []


# With the engine.


def test_a_run_that_died_before_its_commit_loses_nothing_of_the_spool(tmp_path):
    """Wherever it dies, what the source gave away is judged by the next run, under the same offsets."""
    stage = Stage(tmp_path)
    coming = [payload(n) for n in range(200)]
    for at in (1, 2, 3, 5, 8):
        with pytest.raises(Died):
            stage.run(Once(coming, 20), fuse=Fuse(at), records=20)
    assert len(coming) < 200
    summary = stage.run(Once(coming, 20))
    assert coming == []
    assert not summary.interrupted
    assert stage.everywhere() == [(0, n) for n in range(200)]
    whole = Stage(tmp_path / "whole")
    whole.run(whole.memory(batch(200, timed=False)))
    for name in ("accepted", "quarantine"):
        assert stage.offsets(name) == whole.offsets(name)
    audited = stage.audit(_Closed(tmp_path / "state" / "spool"))
    assert audited.holds, audited
    assert audited.proved == 200


class _Closed(Kept):
    """What is kept, with the two methods by which a stage opens and closes a source."""

    format = Format("json")

    def open(self):
        """Nothing to open."""

    def close(self):
        """Nothing to give back."""


def test_in_a_long_run_the_spool_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(_spool, "KEEP_FILES", 3)
    stage = Stage(tmp_path)
    stage.run(Once([payload(n) for n in range(300)], 10), records=10)
    assert len(kept(tmp_path / "state" / "spool")) == 3
    assert len(stage.everywhere()) == 300


def test_standard_input_that_is_killed_in_the_middle_is_finished_by_the_next_run(tmp_path):
    """A real pipe and a real kill: whatever left the pipe and was spooled arrives once, then what comes next."""
    code = "from tests.connectors.test_spool import run_stdin; run_stdin()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[2]
    first = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE)
    feed = threading.Thread(target=_feed, args=(first,))
    feed.start()
    ledger = tmp_path / "accepted.ledger" / "intents"
    deadline = time.monotonic() + 60
    while len(list(ledger.glob("*.json"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first.kill()
    first.wait()
    feed.join()
    spooled = max(int(path.name[21:41]) for path in (tmp_path / "state" / "spool").glob("*.arrow"))
    last = b"".join(_line(n) for n in range(spooled, spooled + 50))
    subprocess.run(command, cwd=root, input=last, check=True, timeout=60)
    stage = Stage(tmp_path, "parquet")
    assert stage.everywhere() == [(0, n) for n in range(spooled + 50)]
    values = {row["_stillwell"]["offset"]: row["count"] for row in stage.held("accepted").to_pylist()}
    assert values == {n: n % 80 for n in values}
    assert stage.audit(_Closed(tmp_path / "state" / "spool")).proved == spooled + 50


def _line(n):
    return b'{"sensor": "s", "at": "2026-01-01T00:00:00Z", "value": 1, "count": %d}\n' % (n % 80)


def _feed(process):
    """Lines without end, until nobody reads them any more."""
    with contextlib.suppress(BrokenPipeError):
        for n in range(1_000_000):
            process.stdin.write(_line(n))
            if n % 50 == 49:
                process.stdin.flush()
                time.sleep(0.005)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def run_stdin():
    """What the processes of the test above do."""
    stage = Stage(Path(sys.argv[1]), "parquet")
    stage.run(stage.source("stdin"), records=60)
