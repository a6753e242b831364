"""The embedded engine: epochs, ends of every kind, failures that surface once, and memory that stays bounded."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import threading
import time

import pyarrow as pa
import pytest

from stillwell.connectors.memory import shelf
from stillwell.errors import ConnectorError, Fenced
from tests.delivery.stage import DURABLE, Died, Fuse, Stage, batch, payload

LONG = dt.timedelta(minutes=5)


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Whatever happens in a run, its threads end with it."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name in ("reader", "writer")]
    assert not left


class Wrapped:
    """A source that is one but for what a subclass changes."""

    def __init__(self, inner):
        self._inner = inner
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def read(self, records):
        self.reads += 1
        return self._inner.read(records)


class Dripping(Wrapped):
    """Gives ten records at a time, each after a pause."""

    pause = 0.0

    def read(self, records):
        time.sleep(self.pause)
        self.reads += 1
        return self._inner.read(min(records, 10))


def poisoned(count, *offsets):
    records = [payload(n) for n in range(count)]
    for offset in offsets:
        records[offset] = json.dumps(
            {"sensor": "poison", "at": "2026-01-01T00:00:00Z", "value": 1, "count": 1}
        ).encode()
    return records


def epochs(stage):
    return [intent.slices[0].facts.read for intent in stage.sink("accepted").ledger().intents()]


# Epochs.


def test_an_epoch_closes_when_it_has_its_records(stage):
    summary = stage.run(stage.memory(batch(100)), records=30, wait=LONG)
    assert epochs(stage) == [30, 30, 30, 10]
    assert (summary.epochs, summary.read, summary.recovered, summary.interrupted) == (4, 100, 0, False)


def test_an_epoch_closes_when_it_has_its_bytes(stage):
    source = Dripping(stage.memory([b"x" * 1000] * 100))
    stage.run(source, bytes=25_000, wait=LONG)
    assert epochs(stage) == [30, 30, 30, 10]


def test_an_epoch_closes_when_it_has_waited(stage):
    source = Dripping(stage.memory(batch(100)))
    source.pause = 0.05
    stage.run(source, wait=dt.timedelta(seconds=0.12))
    assert sum(epochs(stage)) == 100
    assert 3 <= len(epochs(stage)) <= 10


def test_lines_of_another_header_are_another_epoch(stage):
    """The same text means something else under it."""
    (stage.folder / "1.csv").write_text("sensor,at,value,count\ns1,2026-01-01T00:00:00Z,7,1\n" * 1)
    (stage.folder / "2.csv").write_text("count,value,at,sensor\n1,8,2026-01-01T00:00:00Z,s2\n")
    stage.run(stage.source("files", path="*.csv"), wait=LONG)
    assert epochs(stage) == [1, 1]
    assert [(row["sensor"], row["value"]) for row in stage.held("accepted").to_pylist()] == [("s1", 7), ("s2", 8)]
    assert stage.audit(stage.source("files", path="*.csv")).proved == 2


def test_what_follows_another_header_waits_its_full_time(stage):
    """The clock of an epoch starts with its own first record."""

    class Headed(Dripping):
        pause = 0.06

        def read(self, records):
            chunk = super().read(records)
            if chunk is None:
                return None
            table = chunk.table.replace_schema_metadata({b"header": b"1" if self.reads < 3 else b"2"})
            return type(chunk)(table, chunk.ends)

    stage.run(Headed(stage.memory(batch(50))), wait=dt.timedelta(seconds=0.15))
    assert epochs(stage)[0] == 20
    assert epochs(stage)[1] > 10


# Summaries.


def test_the_summary_adds_up_and_agrees_with_the_sinks(stage):
    seen = []
    summary = stage.run(stage.memory(batch(100)), records=30, watch=seen.append)
    assert summary.conserved
    assert (summary.accepted, summary.quarantined) == (len(stage.offsets("accepted")), len(stage.offsets("quarantine")))
    assert summary.tally.count("read") == summary.read == sum(len(one.batch) for one in seen) == 100
    assert summary.warned > 0
    assert summary.repaired > 0
    assert summary.stopped is None
    assert seen[-1].lag == 0
    assert not any(one.recovered for one in seen)


def test_a_source_without_records_is_no_epoch(stage):
    summary = stage.run(stage.memory([]))
    assert (summary.read, summary.epochs, summary.tally, summary.interrupted) == (0, 0, None, False)
    assert epochs(stage) == []
    assert stage.audit(stage.memory([])).holds


def test_a_second_run_finds_nothing_to_do(stage):
    stage.run(stage.memory(batch(100)))
    assert stage.run(stage.memory(batch(100))).read == 0
    assert stage.run(stage.memory(batch(130))).read == 30


def test_every_partition_goes_on_from_its_own_place(stage):
    stage.run(stage.memory({0: batch(30), 5: batch(20)}), records=7)
    summary = stage.run(stage.memory({0: batch(31), 5: batch(40), 6: batch(9)}), records=8)
    assert summary.read == 1 + 20 + 9
    assert stage.everywhere() == [
        *((0, n) for n in range(31)),
        *((5, n) for n in range(40)),
        *((6, n) for n in range(9)),
    ]
    assert stage.audit(stage.memory({0: batch(31), 5: batch(40), 6: batch(9)})).proved == 80


def test_every_sink_has_it_all(tmp_path):
    stage = Stage(tmp_path, accepted=("accepted", "copy"), quarantine=("quarantine", "other"))
    stage.run(stage.memory(batch(100)), records=30)
    assert stage.held("accepted").equals(stage.held("copy"))
    assert stage.held("quarantine").equals(stage.held("other"))
    assert len(stage.everywhere()) == 100


def test_typed_records_keep_their_columns_in_the_quarantine(stage):
    rows = pa.table(
        {"sensor": ["a", "b", None], "at": ["2026-01-01T00:00:00Z"] * 3, "value": [1.0, 2.0, 3.0], "count": [1] * 3}
    )
    import pyarrow.parquet as pq

    pq.write_table(rows, stage.folder / "in.parquet")
    stage.run(stage.source("files", path="in.parquet"))
    assert stage.held("quarantine")["record"].to_pylist() == rows.slice(2).to_pylist()
    assert stage.audit(stage.source("files", path="in.parquet")).proved == 3


# Ends.


def test_a_stop_finishes_the_open_epoch_and_says_so(stage):
    source = stage.source("generator", rate=2000.0)
    stop = threading.Event()
    timer = threading.Timer(0.6, stop.set)
    timer.start()
    summary = stage.run(source, stop=stop, wait=LONG)
    assert summary.interrupted
    assert summary.read > 0
    assert epochs(stage) == [summary.read]
    assert len(stage.everywhere()) == summary.read
    # It goes on where it was stopped.
    again = stage.run(stage.source("generator", rate=2000.0, rows=summary.read + 500))
    assert (again.read, again.interrupted) == (500, False)


def test_a_stop_before_the_start_recovers_and_reads_nothing(stage):
    with pytest.raises(Died):
        stage.run(stage.memory(batch(100)), fuse=Fuse(2), records=30)
    stop = threading.Event()
    stop.set()
    summary = stage.run(stage.memory(batch(100)), stop=stop)
    assert (summary.read, summary.recovered, summary.interrupted) == (30, 1, True)


def test_a_rule_that_fails_commits_its_epoch_and_ends_the_run_and_the_next_goes_on_after_it(stage):
    records = poisoned(200, 45, 47, 130)
    ends = []
    while True:
        summary = stage.run(stage.memory(records), records=20)
        ends.append((summary.stopped.offset if summary.stopped else None, summary.read))
        assert not summary.interrupted
        if summary.stopped is None:
            break
    assert ends == [(45, 60), (130, 80), (None, 60)]
    assert stage.everywhere() == [(0, n) for n in range(200)]
    reasons = {row["_stillwell"]["offset"]: row["reasons"] for row in stage.held("quarantine").to_pylist()}
    assert [reason["rule"] for reason in reasons[45]] == ["never"]


# Failures.


@pytest.mark.parametrize("after", [1, 4])
def test_a_source_that_fails_ends_the_run_with_its_error(stage, after):
    class Failing(Dripping):
        def read(self, records):
            if self.reads == after:
                raise ConnectorError([])
            return super().read(records)

    with pytest.raises(ConnectorError):
        stage.run(Failing(stage.memory(batch(100))), records=10)
    held = stage.everywhere()
    assert held == [(0, n) for n in range(len(held))]
    assert stage.run(stage.memory(batch(100))).read == 100 - len(held)


@pytest.mark.parametrize("step", ["ledger", "quarantine", "accepted"])
def test_a_sink_that_fails_ends_the_run_with_its_error(stage, step):
    """A source that would go on for ever does not keep it alive."""
    fuse = Fuse()
    before = fuse.step

    def failing(name):
        before(name)
        if name == f"before {step}" and len(fuse.steps) > 10:
            raise RuntimeError("the disk is on fire")

    fuse.step = failing
    with pytest.raises(RuntimeError, match="on fire"):
        stage.run(stage.source("generator"), fuse=fuse, records=50)
    held = stage.everywhere()
    assert len(set(held)) == len(held) > 0
    assert stage.run(stage.source("generator", rows=1000)).recovered == (step != "ledger")
    assert stage.audit(stage.source("generator")).proved == 1000


def test_whoever_watches_and_fails_ends_the_run(stage):
    def watch(progress):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage.run(stage.source("generator"), watch=watch, records=50)


def test_a_sink_that_cannot_be_opened_is_told_before_anything_is_read(stage):
    (stage.folder / "blocked").write_text("")
    blocked = Stage(stage.folder, "parquet", accepted=("blocked",))
    source = Wrapped(stage.memory(batch(10)))
    with pytest.raises(ConnectorError):
        blocked.run(source)
    assert source.reads == 0


def test_a_sink_that_is_slow_holds_the_source_back(stage):
    """Of a source without end only a few epochs are ever in memory."""
    let_go, stop = threading.Event(), threading.Event()
    fuse = Fuse()
    fuse.step = lambda name: let_go.wait(60) if name == "before quarantine" else None
    source = Wrapped(stage.source("generator"))
    seen = []

    def look():
        # Until it stands still: for much longer than an epoch takes, nothing was read any more.
        before = -1
        while source.reads != before or not before:
            before = source.reads
            time.sleep(1)
        seen.append(source.reads)
        stop.set()
        let_go.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    summary = stage.run(source, fuse=fuse, records=20, stop=stop, wait=LONG)
    watcher.join()
    assert 0 < seen[0] <= 6
    assert summary.interrupted
    assert summary.read == 20 * len(epochs(stage)) <= 120


@pytest.mark.parametrize("kind", ["delta", "jsonl", "parquet"])
def test_of_two_runs_of_one_pipeline_one_is_fenced_and_no_row_is_doubled(kind, tmp_path):
    """Without the lock of the pipeline, as on two machines."""
    ends = []

    def run():
        stage = Stage(tmp_path, kind)
        try:
            ends.append(stage.run(stage.source("generator", rows=800, rate=1000.0), records=40).read)
        except Fenced as error:
            ends.append(error.problems[0].code)

    runs = [threading.Thread(target=run, name=f"run {n}") for n in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(60)
    stage = Stage(tmp_path, kind)
    assert sorted(map(type, ends), key=str) == [int, str], ends
    assert "fenced" in ends
    assert stage.everywhere() == [(0, n) for n in range(800)]
    assert stage.audit(stage.source("generator", rate=1000.0)).proved == 800


# A full disk.


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, and how to fill it up to a rest and empty it again."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "stillwell-test", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    ballast = folder / "ballast"

    def fill(rest):
        ballast.write_bytes(b"")
        with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        os.truncate(ballast, max(0, ballast.stat().st_size - rest))

    try:
        yield folder, fill, ballast.unlink
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kind", DURABLE)
def test_on_a_full_disk_nothing_committed_is_damaged_and_with_room_it_goes_on(kind, small_disk):
    folder, fill, empty = small_disk
    stage = Stage(folder, kind)
    stage.run(stage.source("generator", rows=400), records=100)
    fill(200_000)
    with pytest.raises(ConnectorError) as caught:
        stage.run(stage.source("generator", rows=40_000), records=1000)
    assert [problem.code for problem in caught.value.problems] == ["disk-full"]
    audited = stage.audit(stage.source("generator"))
    assert audited.holds, audited
    assert audited.proved >= 400
    empty()
    rows = audited.proved + audited.open + 1500
    assert stage.run(stage.source("generator", rows=rows), records=1000).read == 1500 + audited.open
    audited = stage.audit(stage.source("generator"))
    assert audited.holds, audited
    assert audited.proved == audited.accepted + audited.quarantined == rows


def test_a_shelf_is_of_one_test_alone(stage):
    """Sinks in memory are named after the folder of their test."""
    assert shelf(f"{stage.folder}/accepted").tables == ()
