"""What every sink and every replayable source must hold, as checks to be called with a way to build one.

A connector's own test module offers `sink_options(folder)` and `source_options(folder, payloads)`; `test_base.py` finds
both by the connector's name.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from stillwell.connectors.base import Place, Sink, Source
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Advance, Position, Slice
from stillwell.errors import ConnectorError, Fenced
from stillwell.kernel.base import ACCEPTED_TRACE
from stillwell.kernel.digest import Facts

SCHEMA = pa.schema(
    [
        pa.field("sensor", pa.string()),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("day", pa.date32()),
        pa.field("value", pa.float64()),
        pa.field("count", pa.int64()),
        pa.field("fine", pa.bool_()),
        pa.field("price", pa.decimal128(12, 2)),
        pa.field("payload", pa.binary()),
        pa.field("_stillwell", ACCEPTED_TRACE),
    ]
)
NAME = "stillwell/test/source/0"


def place(folder: Path) -> Place:
    return Place("test", folder, folder / "state")


def build(kind, options, folder: Path):
    return kind(kind.Options(**options), place(folder))


def rows(start: int, count: int, schema: pa.Schema = SCHEMA) -> pa.Table:
    """Rows of every type and with every null, whose `count` is their offset."""
    reason = {"rule": "r", "field": "f", "severity": "warn", "seen": "“1”\n", "expected": "2"}
    found = [
        {
            "sensor": None if n % 7 == 3 else f"sensor_{n % 10:03d}\n\"é\\",
            "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=n * 1_000_003),
            "day": None if n % 5 == 1 else dt.date(2026, 1, 1 + n % 28),
            "value": None if n % 11 == 5 else n / 7,
            "count": n,
            "fine": (None, True, False)[n % 3],
            "price": None if n % 9 == 2 else Decimal(f"{n}.05"),
            "payload": (b'{"a": 1}', b"\xff\xfe" + bytes([n % 256]), b"", None)[n % 4],
            "_stillwell": {
                "topic": "t", "partition": 0, "offset": n, "ingest_time": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
                "contract": "c", "version": "1.0.0", "via": None if n % 6 else "replay-1", "warnings": [reason] if n % 4 == 0 else None,
                "repairs": [] if n % 2 else [{"rule": "r", "field": "f", "before": str(n)}],
            },
        }
        for n in range(start, start + count)
    ]  # fmt: skip
    return pa.Table.from_pylist(found, schema).select(schema.names)


def step(expected: int, following: int, name: str = NAME) -> dict[str, Advance]:
    return {name: Advance(expected, following)}


def stored(sink: Sink, columns: list[str] | None = None) -> pa.Table:
    batches = list(sink.rows(columns))
    wanted = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    tables = [pa.Table.from_batches([batch]).select(wanted.names).cast(wanted) for batch in batches]
    return pa.concat_tables([wanted.empty_table(), *tables])


def offsets(sink: Sink) -> list[int]:
    return sorted(stored(sink, ["count"])["count"].to_pylist())


# Sinks.


def gives_back_what_was_written(kind, options, folder):
    """Rows of every type come back as they were, in a new object too, and with chosen columns alone."""
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    sink.write(rows(0, 50), step(0, 50))
    sink.write(rows(50, 30), step(50, 80))
    sink.close()
    again = build(kind, options, folder)
    found = stored(again).sort_by("count")
    assert found.equals(rows(0, 80))
    assert stored(again, ["value", "sensor"]).column_names == ["value", "sensor"]
    assert again.marks() == {NAME: 80}
    again.close()


def check_writes_nothing(kind, options, folder):
    """Trying the door leaves no trace, before and after there is something."""
    sink = build(kind, options, folder)
    before = sorted(folder.rglob("*"))
    assert sink.check(SCHEMA)
    assert sorted(folder.rglob("*")) == before
    assert dict(sink.marks()) == {}
    assert list(sink.rows()) == []
    assert sorted(folder.rglob("*")) == before


def refuses_a_mark_that_moved(kind, options, folder):
    """What was written once is refused the second time, and nothing of it is stored."""
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    sink.write(rows(0, 10), step(0, 10))
    for wrong in (step(0, 10), step(11, 20), {**step(10, 20), **step(5, 20, "stillwell/test/source/1")}):
        with pytest.raises(Fenced):
            sink.write(rows(0, 10), wrong)
    assert offsets(sink) == list(range(10))
    assert sink.marks() == {NAME: 10}
    sink.write(rows(10, 5), step(10, 15))
    assert offsets(sink) == list(range(15))
    sink.close()


def no_rows_move_marks(kind, options, folder):
    """An epoch without rows is written too."""
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    sink.write(SCHEMA.empty_table(), step(0, 10))
    assert sink.marks() == {NAME: 10}
    assert offsets(sink) == []
    sink.close()


def keeps_partitions_apart(kind, options, folder):
    """Two writers of different partitions both go on; of one partition, the second is fenced."""
    one, two = build(kind, options, folder), build(kind, options, folder)
    one.open(SCHEMA)
    two.open(SCHEMA)
    other = "stillwell/test/source/1"
    one.write(rows(0, 5), step(0, 5))
    two.write(rows(100, 5), step(0, 5, other))
    one.write(rows(5, 5), step(5, 10))
    with pytest.raises(Fenced):
        two.write(rows(5, 5), step(5, 10))
    assert one.marks() == two.marks() == {NAME: 10, other: 5}
    assert offsets(one) == [*range(10), *range(100, 105)]
    one.close()
    two.close()


def refuses_another_schema(kind, options, folder):
    """A table with another column, one less, or another type is refused by the column's name."""
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    sink.write(rows(0, 3), step(0, 3))
    sink.close()
    extra = SCHEMA.append(pa.field("extra", pa.string()))
    less = SCHEMA.remove(SCHEMA.get_field_index("value"))
    other = SCHEMA.set(SCHEMA.get_field_index("value"), pa.field("value", pa.string()))
    for wrong, named in ((extra, "extra"), (less, "value"), (other, "value")):
        for attempt in ("check", "open"):
            with pytest.raises(ConnectorError, match=f"`{named}`") as caught:
                getattr(build(kind, options, folder), attempt)(wrong)
            assert {problem.code for problem in caught.value.problems} == {"sink-schema"}
    again = build(kind, options, folder)
    again.open(pa.schema(list(reversed(list(SCHEMA)))))
    again.write(rows(3, 3), step(3, 6))
    assert offsets(again) == list(range(6))
    again.close()


def intent(start: int, end: int, contract: str = "abc", partition: int = 0) -> Intent:
    facts = Facts(end - start, end - start, 0, 1, 1, 0, "", 0)
    part = Slice(partition, Position(start, "x"), Position(end, "y"), facts)
    return Intent("test", "source", (part,), contract, {"duckdb": "2"}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def keeps_a_ledger(kind, options, folder):
    """Intents come back in order with their contracts; one that starts elsewhere is fenced, in other objects too."""
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    ledger = sink.ledger()
    assert ledger.intents() == []
    assert dict(ledger.marks()) == {}
    stale = sink.ledger()
    told = [intent(0, 5), intent(5, 9), intent(9, 9, "def"), intent(9, 30)]
    for one in told:
        ledger.declare(one, f"text of {one.contract}")
    with pytest.raises(Fenced):
        stale.declare(intent(0, 5), "text of abc")
    with pytest.raises(Fenced):
        ledger.declare(intent(9, 30), "text of abc")
    stale.declare(intent(0, 7, partition=1), "text of abc")
    for found in (ledger, stale, build(kind, options, folder).ledger()):
        assert found.intents() == [*told, intent(0, 7, partition=1)]
        assert found.marks() == {"stillwell/test/source/0": 30, "stillwell/test/source/1": 7}
        assert found.contract_text("def") == "text of def"
        assert found.contract_text("abc") == "text of abc"
        with pytest.raises(KeyError):
            found.contract_text("nobody")
    assert offsets(sink) == []
    sink.close()


def races(kind, options, folder):
    """Of two processes that write the same epochs, each epoch is taken from exactly one."""
    before = build(kind, options, folder)
    before.open(SCHEMA)
    before.close()
    writers = [_writer(kind, options, folder, epochs=8) for _ in range(2)]
    told = [_finish(writer) for writer in writers]
    # A sink may keep the second process out altogether.
    assert any(writer.returncode == 0 for writer in writers), told
    sink = build(kind, options, folder)
    assert offsets(sink) == list(range(8 * 20))
    assert sink.marks() == {NAME: 160}
    sink.close()


def survives_kills(kind, options, folder):
    """Killed at any instant, a sink holds the rows of exactly those epochs that its marks say."""
    luck = random.Random(7)
    for _ in range(3):
        writer = _writer(kind, options, folder, epochs=10_000)
        assert writer.stdout.readline() == "begun\n"
        time.sleep(luck.uniform(0.01, 0.25))
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        sink = build(kind, options, folder)
        sink.open(SCHEMA)
        mark = sink.marks().get(NAME, 0)
        assert offsets(sink) == list(range(mark))
        sink.close()
    assert mark > 0


def full_disk_damages_nothing(kind, options, folder):
    """A write that finds no room is one clear error; what was committed stays, and with room it goes on."""
    out, errors = _finish(_writer(kind, options, folder, epochs=10_000, room=1000))
    assert "refused disk-full" in out, (out, errors)
    sink = build(kind, options, folder)
    sink.open(SCHEMA)
    mark = sink.marks().get(NAME, 0)
    assert offsets(sink) == list(range(60))
    assert mark == 60
    sink.write(rows(mark, 5), step(mark, mark + 5))
    assert offsets(sink) == list(range(mark + 5))
    sink.close()


def _writer(kind, options, folder, **job) -> subprocess.Popen[str]:
    """A process that writes epoch after epoch, from wherever the mark stands."""
    told = {"module": kind.__module__, "options": options, "folder": str(folder), **job}
    command = [sys.executable, "-m", "tests.connectors.suite", json.dumps(told)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finish(writer: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return writer.communicate(timeout=60)
    finally:
        writer.kill()


def _write_epochs(module, options, folder, epochs, room=None, rows_each=20):
    import importlib
    import resource

    kind = importlib.import_module(module).Sink
    sink = build(kind, options, Path(folder))
    sink.open(SCHEMA)
    prepared = rows(0, rows_each)
    try:
        mark = began = sink.marks().get(NAME, 0)
        while mark < epochs * rows_each:
            if room and mark == 3 * rows_each:
                # From here on no file may be larger than this many bytes.
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            shifted = pa.array(range(mark, mark + rows_each), pa.int64())
            epoch = prepared.set_column(SCHEMA.get_field_index("count"), "count", shifted)
            with contextlib.suppress(Fenced):
                sink.write(epoch, step(mark, mark + rows_each))
            if mark == began:
                print("begun", flush=True)
            mark = sink.marks()[NAME]
    except ConnectorError as error:
        print("refused", error.problems[0].code, flush=True)


SINK_CHECKS = [
    gives_back_what_was_written,
    check_writes_nothing,
    refuses_a_mark_that_moved,
    no_rows_move_marks,
    keeps_partitions_apart,
    refuses_another_schema,
    keeps_a_ledger,
]
DURABLE_SINK_CHECKS = [races, survives_kills, full_disk_damages_nothing]


# Sources.

PAYLOADS = [json.dumps({"n": n, "text": "x" * (n % 50)}).encode() for n in range(1000)]


def everything(source: Source, size: int) -> list[tuple[int, int, object]]:
    return [record for chunk in chunks(source, size) for record in records(chunk.table)]


def by_offset(found):
    return sorted(found, key=lambda record: record[:2])


def chunks(source: Source, size: int):
    while not source.finished:
        chunk = source.read(size)
        if chunk is not None:
            yield chunk


def records(table: pa.Table) -> list[tuple[int, int, object]]:
    column = "payload" if "payload" in table.column_names else "record"
    names = ["partition", "offset", column]
    return [tuple(one[name] for name in names) for one in table.select(names).to_pylist()]


def opened(kind, options, folder, positions=None) -> Source:
    source = build(kind, options, folder)
    assert source.check()
    source.open()
    source.seek(positions or {})
    return source


def same_whole_for_any_chunk_size(kind, options, folder):
    """No record is lost or changed, however the reading is cut."""
    whole = by_offset(everything(opened(kind, options, folder), 100_000))
    assert len(whole) == len(PAYLOADS)
    assert len({record[:2] for record in whole}) == len(whole)
    for size in (1, 7, 333):
        assert by_offset(everything(opened(kind, options, folder), size)) == whole


def goes_on_from_every_position(kind, options, folder):
    """From the end of any chunk another object reads exactly the rest."""
    source = opened(kind, options, folder)
    whole = by_offset(everything(opened(kind, options, folder), 100_000))
    positions: dict[int, Position] = {}
    before: list[tuple[int, int, object]] = []
    for chunk in chunks(source, 97):
        before += records(chunk.table)
        positions.update(chunk.ends)
        again = opened(kind, options, folder, positions)
        assert again.identity == source.identity
        rest = everything(again, 211)
        assert by_offset(before + rest) == whole
        again.close()
    source.close()
    source.close()


SOURCE_CHECKS = [same_whole_for_any_chunk_size, goes_on_from_every_position]


if __name__ == "__main__":
    _write_epochs(**json.loads(sys.argv[1]))
