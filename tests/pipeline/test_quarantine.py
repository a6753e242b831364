"""Replays and expiries: each record once, whatever dies; and an audit that still holds, or names what does not."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwell.connectors.memory import shelf
from stillwell.delivery.selection import Selection
from stillwell.errors import ContractError, Fenced, PipelineError, StillwellError
from stillwell.pipeline.quarantine.desk import alone, desk
from stillwell.pipeline.quarantine.listing import shown
from stillwell.pipeline.quarantine.replay import replay_out, try_expire, try_replay
from tests.delivery.stage import DURABLE, KILLS, Died, Fuse
from tests.pipeline.bench import Bench, killed

VALUES = [1, 50, None, 3, 20, 15, 7, 200, 12, 4] * 4
SOME = [1, 50, 20, None, 15, 12] * 3
"""Under the limit 10 half of them are rejected: 50, none, 20, 15, 200, 12."""


@pytest.fixture
def bench(tmp_path):
    """Forty records in the memory, of which 24 are quarantined; then the contract lets 16 of these pass."""
    made = Bench(tmp_path / "memory")
    made.add(VALUES)
    made.run()
    made.most(30)
    return made


@pytest.mark.parametrize("kind", DURABLE)
def test_what_passes_now_is_accepted_once_in_every_kind_of_sink(kind, tmp_path):
    bench = Bench(tmp_path, kind)
    bench.add(VALUES)
    bench.run()
    bench.most(30)
    [done] = bench.replay()
    assert (done.name, done.read, done.passed, done.version) == ("replay-1", 24, 12, "1.30.0")
    assert done.rules == {"value.range": 8, "payload.format": 4}
    bench.sound(settled=True)
    before = bench.rows("accepted")
    assert [one.read for one in bench.replay()] == [12]
    assert bench.rows("accepted") == before
    assert [one.read for one in bench.replay("state=new")] == [0]
    assert bench.places("accepted", via="replay-1") == bench.places("outcomes", outcome="passed")
    audited = bench.audit()
    assert audited.holds, audited
    assert (audited.proved, audited.accepted, audited.quarantined, audited.replayed) == (40, 16, 24, 12)
    if kind == "jsonl":
        with pytest.raises(PipelineError, match="cannot be removed"):
            bench.expire("state=passed")
        return
    assert [(one.name, one.read) for one in bench.expire("state=passed")] == [("expire-1", 12)]
    bench.sound(settled=True)
    assert [(one.name, one.read) for one in bench.expire("rule=payload.format")] == [("expire-2", 4)]
    audited = bench.audit()
    assert audited.holds, audited
    assert (audited.accepted, audited.quarantined, audited.replayed, audited.expired) == (16, 8, 12, 16)
    (bench.folder / "in.jsonl").unlink()
    audited = bench.audit(without_source=True)
    assert audited.holds, audited
    assert (audited.proved, audited.by_ledger) == (0, 40)
    # Of the twelve that were replayed the quarantine no longer has the record.
    assert (audited.uncompared, audited.uncompared_replayed) == (16 + 12, 12)


def test_a_replayed_row_keeps_its_origin_and_its_ingest_time(bench):
    before = {(one["_stillwell"]["offset"]): one["_stillwell"] for one in bench.rows("quarantine")}
    bench.replay("offset=4..5")
    [first, second] = [one for one in bench.rows("accepted") if one["_stillwell"]["via"] == "replay-1"]
    assert (first["value"], second["value"]) == (20, 15)
    trace = first["_stillwell"]
    assert {name: trace[name] for name in ("topic", "partition", "offset", "ingest_time")} == {
        name: before[4][name] for name in ("topic", "partition", "offset", "ingest_time")
    }
    assert (trace["version"], before[4]["version"]) == ("1.30.0", "1.10.0")
    assert [one["rule"] for one in trace["warnings"]] == ["value.warn.range"]
    assert {one["_stillwell"]["offset"]: one["_stillwell"] for one in bench.rows("quarantine")} == before


def test_a_replay_by_another_contract_leaves_that_of_the_pipeline_alone(bench):
    assert [(one.passed, one.version) for one in bench.replay(most=60)] == [(16, "2.60.0")]
    assert bench.audit().holds
    bench.sound(settled=True)


def test_a_contract_whose_rows_do_not_fit_is_refused_before_anything_is_begun(bench):
    other = bench.folder / "contract.yml"
    other.write_text(other.read_text() + "  more: {type: string}\n")
    with pytest.raises(StillwellError) as caught:
        bench.replay()
    assert {one.code for one in caught.value.problems} == {"sink-schema"}
    other.write_text(other.read_text() + "sequence: {once: {kind: unique, within: 1h}}\n")
    with pytest.raises((ContractError, PipelineError)):
        bench.replay()
    bench.most(30)
    assert [one.name for one in bench.replay()] == ["replay-1"]


def test_before_the_first_run_there_is_no_quarantine(tmp_path):
    bench = Bench(tmp_path)
    for work in (bench.replay, bench.listed, lambda: bench.expire("state=open")):
        with pytest.raises(PipelineError, match="has not written anything yet"):
            work()


def test_a_try_writes_nothing_and_says_what_would_come(bench):
    held = [bench.rows(name) for name in ("accepted", "quarantine", "outcomes")]
    told = try_replay(bench.plan(), Selection())
    assert (told.read, told.passed, told.rules) == (24, 12, {"value.range": 8, "payload.format": 4})
    assert try_expire(bench.plan(), Selection.parse(["rule=payload.*"])).read == 4
    assert [bench.rows(name) for name in ("accepted", "quarantine", "outcomes")] == held
    assert not list(bench.folder.glob(".stillwell/numbers/quarantine/laid*"))
    assert bench.replay()[0].name == "replay-1"


def test_what_was_killed_is_finished_first_with_its_own_selection_and_contract(bench):
    with pytest.raises(Died):
        bench.replay(fuse=Fuse(6))
    bench.most(10)
    bench.add([2, 90])
    bench.run()
    audited = bench.audit()
    assert (audited.holds, audited.unfinished) == (True, "replay-1")
    assert bench.listed().unfinished == "replay-1"
    left, new = bench.replay("offset=30..99")
    assert (left.name, left.resumed, left.version, left.read, left.passed) == ("replay-1", True, "1.30.0", 24, 12)
    assert (new.name, new.resumed, new.version, new.read, new.passed) == ("replay-2", False, "1.10.0", 4, 0)
    bench.sound(settled=True)
    audited = bench.audit()
    assert (audited.holds, audited.unfinished, audited.replayed) == (True, None, 12)


def steps_of(tmp_path, work):
    """The names of the steps of `work` on a fresh bench."""
    fuse = Fuse()
    work(fresh(tmp_path / "count"), fuse)
    return fuse.steps


def fresh(folder):
    """Fifteen of eighteen are quarantined, which makes two epochs of a replay; then nine of them would pass."""
    made = Bench(folder)
    made.add(SOME)
    made.run()
    made.most(30)
    return made


def test_a_replay_that_dies_at_any_step_is_finished_by_the_next(tmp_path):
    steps = steps_of(tmp_path, lambda bench, fuse: bench.replay(fuse=fuse))
    assert {name.split(" ", 1)[1] for name in steps} == {"ledger", "outcomes", "accepted"}
    for at, name in enumerate(steps, 1):
        bench = fresh(tmp_path / str(at))
        with pytest.raises(Died):
            bench.replay(fuse=Fuse(at))
        bench.sound()
        assert bench.audit().holds, name
        resumed = bench.replay()[0]
        assert (resumed.resumed, resumed.passed) == (True, 9) if 1 < at < len(steps) else (False, 9 * (at == 1)), name
        bench.sound(settled=True)
        assert len(bench.places("outcomes", outcome="passed")) == 9
    assert (bench.audit().holds, bench.audit().replayed) == (True, 9)


def test_an_expiry_that_dies_at_any_step_is_finished_by_the_next(tmp_path):
    steps = steps_of(tmp_path, lambda bench, fuse: bench.expire("rule=value.range", fuse=fuse))
    assert "before quarantine" in steps
    for at, name in enumerate(steps, 1):
        bench = fresh(tmp_path / str(at))
        with pytest.raises(Died):
            bench.expire("rule=value.range", fuse=Fuse(at))
        bench.sound()
        assert bench.audit().holds, name
        # Whichever verb comes next finishes it.
        bench.replay("state=failing")
        bench.expire("rule=value.range")
        bench.sound(settled=True)
        assert len(bench.places("quarantine")) == 3, name
    assert (bench.audit().holds, bench.audit().expired) == (True, 12)


NAMES = itertools.count()
WHERE = st.sampled_from(["", "rule=value.range", "rule=payload.*", "offset=5..25", "state=failing", "state=passed"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.lists(st.sampled_from([1, 15, 25, 90, None]), max_size=12), st.integers(0, 9)),
        st.tuples(st.just("replay"), WHERE, st.integers(0, 12)),
        st.tuples(st.just("expire"), WHERE, st.integers(0, 9)),
        st.tuples(st.just("most"), st.sampled_from([10, 20, 40, 100]), st.just(0)),
    ),
    max_size=7,
)


@settings(
    max_examples=5 * KILLS,
    derandomize=KILLS <= 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_whatever_happens_each_record_is_accepted_open_passed_or_expired(steps, tmp_path):
    bench = Bench(tmp_path / str(next(NAMES)))
    bench.add([1, 50, None, 15])
    bench.run()
    for kind, told, at in steps:
        fuse = Fuse(at) if at else Fuse()
        where = [told] if isinstance(told, str) and told else []
        try:
            if kind == "run":
                bench.add(told)
                bench.run(fuse)
            elif kind == "most":
                bench.most(told)
            elif kind == "replay":
                bench.replay(*where, fuse=fuse)
            else:
                bench.expire(*where, fuse=fuse)
        except Died:
            pass
        bench.sound()
    bench.run()
    bench.replay("state=failing")
    bench.sound(settled=True)
    audited = bench.audit()
    assert audited.holds, audited
    whole = bench.listed().whole
    lines = len((bench.folder / "in.jsonl").read_text().splitlines())
    assert audited.accepted + whole.open + whole.passed + whole.expired == audited.proved == lines
    assert (audited.replayed, audited.unfinished, audited.open) == (whole.passed, None, 0)


def test_two_at_once_on_one_machine_are_refused_and_a_run_is_not(bench):
    with desk(bench.plan()) as at, alone(at):
        with pytest.raises(PipelineError) as caught:
            bench.replay()
        assert [one.code for one in caught.value.problems] == ["already-running"]
        with pytest.raises(PipelineError):
            bench.audit()
        bench.add([1, 99])
        assert bench.run().read == 2
    assert bench.replay()[0].read == 25


def test_two_at_once_on_two_machines_end_with_each_record_once(tmp_path):
    """The other one has no lock in common with us: it begins in the middle of ours, and takes it over."""
    fenced = []
    for at in (2, 5, 7, 8, 11):
        other = fresh(tmp_path / str(at))

        def rival(other=other):
            made = other.plan()
            elsewhere = dataclasses.replace(made, job=dataclasses.replace(made.job, state=other.folder / "elsewhere"))
            replay_out(elsewhere, Selection())

        with contextlib.suppress(Fenced):
            try:
                other.replay(fuse=Fuse(at, rival))
            except Fenced as error:
                fenced.append(str(error))
                raise
        other.replay()
        other.sound(settled=True)
        assert len(other.places("outcomes", outcome="passed")) == 9, at
    assert any("Another process took replay-1 over" in told for told in fenced)
    assert other.audit().holds


def beside(tmp_path, kind, at, outer, inner):
    """A bench on which `inner` is done in the middle of `outer`."""
    bench = Bench(tmp_path / f"{kind}-{at}", kind)
    bench.add(SOME)
    bench.run()
    bench.most(30)
    bench.add([1, 99, 25, None] * 4)
    outer(bench, Fuse(at, lambda: inner(bench)))
    bench.run()
    bench.sound(settled=True)
    assert bench.audit().holds, at


BESIDE = [*(("memory", at) for at in (1, 4, 7, 10, 13, 16)), ("delta", 4), ("delta", 7)]


@pytest.mark.parametrize(("kind", "at"), BESIDE)
def test_a_run_in_the_middle_of_a_replay_disturbs_neither(tmp_path, kind, at):
    beside(tmp_path, kind, at, lambda bench, fuse: bench.replay(fuse=fuse), lambda bench: bench.run())


@pytest.mark.parametrize(("kind", "at"), BESIDE)
def test_a_replay_in_the_middle_of_a_run_disturbs_neither(tmp_path, kind, at):
    def inner(bench):
        bench.replay("rule=value.*")
        if kind != "memory" or at % 2:
            bench.expire("rule=payload.format")

    beside(tmp_path, kind, at, lambda bench, fuse: bench.run(fuse), inner)


@pytest.mark.parametrize("at", [6, 8])
def test_a_run_in_the_middle_of_an_expiry_disturbs_neither(tmp_path, at):
    beside(tmp_path, "delta", at, lambda bench, fuse: bench.expire("rule=*", fuse=fuse), lambda bench: bench.run())


def test_typed_records_are_judged_again_as_they_came(tmp_path):
    bench = Bench(tmp_path / "typed", "parquet")
    values = pa.table({"sensor": ["a", "b", None, "d"], "value": pa.array([1, 20, 3, 90], pa.float32())})
    pq.write_table(values, bench.folder / "in.parquet")
    text = (bench.folder / "pipeline.yml").read_text()
    (bench.folder / "pipeline.yml").write_text(text.replace("in.jsonl", "in.parquet"))
    bench.run()
    bench.most(30)
    [done] = bench.replay()
    assert (done.read, done.passed, done.rules) == (3, 1, {"sensor.required": 1, "value.range": 1})
    assert [one["record"]["sensor"] for one in bench.rows("quarantine")] == ["b", None, "d"]
    assert bench.audit().holds
    bench.expire("rule=sensor.required")
    audited = bench.audit()
    assert (audited.holds, audited.quarantined, audited.expired, audited.replayed) == (True, 2, 1, 1)
    (bench.folder / "in.parquet").unlink()
    assert bench.audit(without_source=True).holds


@pytest.mark.parametrize("accepted", ["parquet", "kafka"])
def test_dead_letters_of_a_topic_are_judged_again(tmp_path, kafka, topic, accepted):
    def of(name):
        return f"{{kafka: {{brokers: '{kafka.address}', topic: {topic}-{name}, create: {{partitions: 1}}}}}}"

    sinks = {"quarantine": of("dead"), **({"accepted": of("good")} if accepted == "kafka" else {})}
    bench = Bench(tmp_path / "bench", "parquet", **sinks)
    bench.add(SOME)
    bench.run()
    bench.most(30)
    with pytest.raises(Died):
        bench.replay(fuse=Fuse(8))
    assert bench.audit().unfinished == "replay-1"
    [resumed, again] = bench.replay()
    assert (resumed.read, resumed.passed, again.read) == (15, 9, 6)
    bench.sound(settled=True)
    audited = bench.audit()
    assert audited.holds, audited
    assert (audited.accepted, audited.quarantined, audited.replayed) == (3, 15, 9)
    whole = bench.listed().whole
    assert (whole.open, whole.passed) == (6, 9)
    with pytest.raises(PipelineError, match="let its retention decide"):
        bench.expire("rule=*")


def drop(bench, name, keep):
    """Change what a sink holds behind its back: rows for which `keep` says how often."""
    kept = shelf(f"{bench.folder}/{name}")
    rows = [row for row in pa.concat_tables(kept.tables).to_pylist() for _ in range(keep(row))]
    kept.tables = (pa.Table.from_pylist(rows, kept.schema),)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Everything was replayed once."""
    made = Bench(tmp_path_factory.mktemp("whole"))
    made.add(VALUES)
    made.run()
    made.most(30)
    made.replay()
    assert not findings(made)
    return made


@pytest.fixture
def replayed(whole):
    """The same, to be tampered with."""
    shelves = [shelf(f"{whole.folder}/{name}") for name in ("accepted", "quarantine", "quarantine/outcomes")]
    before = [kept.tables for kept in shelves]
    yield whole
    for kept, tables in zip(shelves, before, strict=True):
        kept.tables = tables


def findings(bench, *, without_source=False):
    audited = bench.audit(without_source=without_source)
    return {(one.kind, one.where): one.offsets for one in audited.findings}


ACCEPTED, QUARANTINE = "accepted.memory", "quarantine.memory"


def at(*offsets):
    return lambda row: row["_stillwell"]["offset"] in offsets


def change(*offsets, **members):
    """Keep all rows, and change members of those at these offsets: of the trace, or of the row itself."""

    def keep(row):
        if at(*offsets)(row):
            for name, value in members.items():
                (row if name in row else row["_stillwell"])[name] = value
        return 1

    return keep


@pytest.mark.parametrize(
    ("name", "keep", "found"),
    [
        ("accepted", lambda row: not at(4)(row), {("lost", ACCEPTED): (4,)}),
        ("accepted", lambda row: 1 + at(4, 3)(row), {("doubled", ACCEPTED): (3, 4)}),
        ("accepted", change(4, value=21.0), {("altered", ACCEPTED): (4,)}),
        ("accepted", change(4, via=None), {("lost", ACCEPTED): (4,), ("undeclared", ACCEPTED): (4,)}),
        ("accepted", change(4, via="replay-9"), {("lost", ACCEPTED): (4,), ("undeclared", ACCEPTED): (4,)}),
        ("accepted", change(3, via="replay-1"), {("lost", ACCEPTED): (3,), ("undeclared", ACCEPTED): (3,)}),
        ("quarantine", lambda row: not at(4)(row), {("lost", QUARANTINE): (4,)}),
        ("quarantine", lambda row: not at(7)(row), {("lost", QUARANTINE): (7,)}),
        ("quarantine/outcomes", lambda row: not at(4)(row), {("lost", "outcomes (passed)"): (4,)}),
        ("quarantine/outcomes", lambda row: 1 + at(7)(row), {("doubled", "outcomes"): (7,)}),
        ("quarantine/outcomes", change(7, reasons=[]), {("altered", "outcomes (failing)"): (7,)}),
        (
            "quarantine/outcomes",
            change(7, run="replay-7"),
            {("lost", "outcomes (failing)"): (7,), ("undeclared", "outcomes"): (7,)},
        ),
        (
            "quarantine/outcomes",
            change(7, outcome="passed"),
            {("lost", "outcomes (failing)"): (7,), ("undeclared", "outcomes (passed)"): (7,)},
        ),
    ],
)
def test_an_audit_names_a_replayed_row_that_is_lost_doubled_or_altered(replayed, name, keep, found):
    drop(replayed, name, keep)
    assert findings(replayed) == found


@pytest.mark.parametrize("gone", [True, False])
def test_without_the_source_or_the_originals_the_ledger_tells_of_replayed_rows(bench, gone):
    bench.replay()
    if gone:
        bench.expire("state=passed")
    (bench.folder / "in.jsonl").unlink()
    assert not findings(bench, without_source=True)
    drop(bench, "accepted", lambda row: not at(4)(row))
    assert findings(bench, without_source=True) == {("lost", ACCEPTED): (4,)}


def test_a_row_that_is_gone_without_having_expired_is_named(bench):
    bench.expire("rule=payload.format")
    drop(bench, "quarantine", lambda row: not at(7)(row))
    assert findings(bench) == {("lost", QUARANTINE): (7,)}
    (bench.folder / "in.jsonl").unlink()
    assert findings(bench, without_source=True) == {("lost", QUARANTINE): (7,)}


def test_an_outcome_that_says_expired_needs_its_line_in_the_ledger(bench):
    """A row cannot be made away with by an outcome that somebody wrote by hand."""
    bench.expire("rule=payload.format")
    kept = shelf(f"{bench.folder}/quarantine/outcomes")
    rows = pa.concat_tables(kept.tables).to_pylist()
    forged = [{**rows[0], "_stillwell": {**rows[0]["_stillwell"], "offset": 7}}]
    kept.tables = (*kept.tables, pa.Table.from_pylist(forged, kept.schema))
    drop(bench, "quarantine", lambda row: not at(7)(row))
    assert ("undeclared", "outcomes (expired)") in findings(bench)


def test_the_number_of_a_replay_is_never_used_twice_though_its_ledger_is_lost(bench):
    bench.replay("offset=0..9")
    kept = shelf(f"{bench.folder}/quarantine/outcomes")
    kept.ledger.__init__()
    assert bench.replay()[0].name == "replay-2"


def test_counts_by_rule_and_field_say_what_became_of_them(bench):
    bench.replay("offset=0..19")
    bench.expire("rule=payload.format")
    found = bench.listed()
    assert {rule: (one.records, one.open, one.passed, one.expired) for rule, one in found.rules.items()} == {
        ("value.range", "value"): (20, 14, 6, 0),
        ("payload.format", ""): (4, 0, 0, 4),
    }
    assert (found.whole.records, found.whole.open, found.whole.passed, found.whole.expired) == (24, 14, 6, 4)
    assert found.whole.first is not None
    assert bench.listed("state=failing").whole.records == 4
    assert bench.listed("field=value", "offset=0..9").whole.records == 5


def test_records_are_shown_with_reasons_and_outcomes(bench):
    bench.replay("offset=0..5")
    bench.replay("offset=0..5")
    found = shown(bench.plan(), Selection(), 3)
    assert [one.row["_stillwell"]["offset"] for one in found] == [1, 2, 4]
    assert [[told["outcome"] for told in one.outcomes] for one in found] == [["failing"] * 2] * 2 + [["passed"]]
    assert found[0].row["payload"] == b'{"sensor": "s50", "value": 50}'
    assert found[0].row["reasons"][0]["rule"] == "value.range"
    assert [one["run"] for one in found[0].outcomes] == ["replay-1", "replay-2"]


def test_nothing_is_left_of_an_expired_record(bench):
    bench.expire("rule=value.range")
    told = bench.rows("outcomes")
    assert {reason["seen"] for one in told for reason in one["reasons"]} == {None}
    assert b"s200" not in repr([told, bench.rows("quarantine")]).encode()


@pytest.mark.parametrize("kind", ["delta", "parquet"])
def test_a_process_killed_in_the_middle_is_finished_by_the_next(kind, tmp_path):
    bench = Bench(tmp_path, kind)
    bench.add(VALUES)
    bench.run()
    bench.most(30)
    for verb, at_step, where in (("replay", 5, ()), ("replay", 8, ()), ("expire", 9, ("rule=value.range",))):
        assert killed(bench, verb, at_step, *where) == 9
        bench.sound()
        assert bench.audit().holds
    bench.expire("rule=value.range")
    bench.sound(settled=True)
    audited = bench.audit()
    assert (audited.holds, audited.replayed, audited.expired, audited.unfinished) == (True, 12, 20, None)
