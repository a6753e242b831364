"""An audit names what is lost, doubled or altered, and never takes the word of the run that wrote it."""

from __future__ import annotations

import dataclasses
import shutil

import pyarrow as pa
import pytest

from stillwell.connectors.memory import shelf
from stillwell.delivery.proof import NAMED, Finding
from tests.delivery.stage import DURABLE, Died, Fuse, Stage, batch, payload
from tests.delivery.tamper import Change, changed, tamper

RECORDS = 120
EPOCH = 40

# Of the readings 5, 24, 43, 62, 81 each is a text that is rejected.
ACCEPTED = Change(lose=(1, 2), double=(3, 46), alter=(84,))
QUARANTINE = Change(lose=(43,), double=(24, 62), alter=(81,), column="payload")


@pytest.fixture(scope="module", params=DURABLE)
def whole(request, tmp_path_factory):
    """A run of three epochs, each kind of storage once."""
    stage = Stage(tmp_path_factory.mktemp("whole"), request.param)
    stage.run(stage.memory(batch(RECORDS)), records=EPOCH)
    return stage


@pytest.fixture
def copy(whole, tmp_path):
    """The same, to be tampered with."""
    shutil.copytree(whole.folder, tmp_path / "copy")
    return dataclasses.replace(whole, folder=tmp_path / "copy")


def found(audited):
    return {(one.kind, one.where): one.offsets for one in audited.findings}


def test_each_record_that_is_lost_doubled_or_altered_is_named(copy):
    assert copy.audit(copy.memory(batch(RECORDS))).holds
    tamper(copy, "accepted", ACCEPTED)
    tamper(copy, "quarantine", QUARANTINE)
    audited = copy.audit(copy.memory(batch(RECORDS)))
    assert not audited.holds
    assert found(audited) == {
        ("lost", "accepted"): (1, 2),
        ("doubled", "accepted"): (3, 46),
        ("altered", "accepted"): (84,),
        ("lost", "quarantine"): (43,),
        ("doubled", "quarantine"): (24, 62),
        ("altered", "quarantine"): (81,),
    }
    assert {one.partition for one in audited.findings} == {0}
    assert {(one.where, one.kind): one.count for one in audited.findings}["accepted", "lost"] == 2


def test_without_the_source_the_ledger_tells_all_but_altered_values_of_accepted_rows(copy):
    """Of an altered payload it knows the slice, not the record."""
    audited = copy.audit(None)
    assert audited.holds
    assert (audited.proved, audited.by_ledger) == (0, RECORDS)
    tamper(copy, "accepted", ACCEPTED)
    tamper(copy, "quarantine", QUARANTINE)
    audited = copy.audit(None)
    assert found(audited) == {
        ("lost", "accepted"): (1, 2),
        ("doubled", "accepted"): (3, 46),
        ("lost", "quarantine"): (43,),
        ("doubled", "quarantine"): (24, 62),
        ("altered", "quarantine"): (),
    }
    (altered,) = (one for one in audited.findings if one.kind == "altered")
    assert "offsets 80 to 120" in altered.detail


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_intent_that_is_gone_from_the_ledger_is_a_gap_or_leaves_rows_that_nobody_declared(copy, missing):
    if copy.kind == "delta":
        import deltalake
        import pyarrow.compute as pc

        ledger = str(copy.folder / "accepted_ledger")
        rows = deltalake.DeltaTable(ledger).to_pyarrow_table().sort_by("number")
        kept = rows.filter(pc.not_equal(rows["number"], rows["number"][missing - 1]))
        deltalake.write_deltalake(ledger, kept, mode="overwrite")
    else:
        (ledger,) = copy.folder.glob("*.ledger") if copy.kind != "jsonl" else [copy.folder / "accepted.jsonl.ledger"]
        (ledger / "intents" / f"{missing:012}.json").unlink()
    audited = copy.audit(copy.memory(batch(RECORDS)))
    low = (missing - 1) * EPOCH
    kinds = {(one.kind, one.where): one for one in audited.findings}
    if missing == 3:
        assert set(kinds) == {("undeclared", "accepted"), ("undeclared", "quarantine")}
        assert sum(one.count for one in kinds.values()) == EPOCH
        assert kinds["undeclared", "accepted"].offsets[0] == low
    else:
        assert set(kinds) == {("gap", "ledger")}
        assert kinds["gap", "ledger"].offsets == tuple(range(low, low + NAMED))
        assert kinds["gap", "ledger"].count == EPOCH


# What follows does not differ by storage: memory holds it, and is tampered with as Arrow.


@pytest.fixture
def stage(tmp_path):
    """The same run in memory."""
    made = Stage(tmp_path)
    made.run(made.memory(batch(RECORDS)), records=EPOCH)
    return made


def meddle(stage, name, change):
    kept = shelf(f"{stage.folder}/{name}")
    kept.tables = tuple(changed(table, change) for table in kept.tables)


def move(stage, offsets, *, back):
    """Rows from the quarantine to the accepted, or back, as if another verdict had been given."""
    giver, taker = ("accepted", "quarantine") if back else ("quarantine", "accepted")
    source, target = (shelf(f"{stage.folder}/{name}") for name in (giver, taker))
    rows = pa.concat_tables(source.tables).to_pylist()
    moved = [{"_stillwell": row["_stillwell"]} for row in rows if row["_stillwell"]["offset"] in offsets]
    meddle(stage, giver, Change(lose=offsets, column="payload" if giver == "quarantine" else "value"))
    target.tables = (*target.tables, pa.Table.from_pylist(moved, target.schema))


@pytest.mark.parametrize("with_source", [True, False])
def test_a_row_in_the_wrong_sink_is_lost_in_the_one_and_undeclared_in_the_other(stage, with_source):
    move(stage, (5,), back=False)
    audited = stage.audit(stage.memory(batch(RECORDS)) if with_source else None)
    counts = {(one.kind, one.where): one.count for one in audited.findings}
    assert counts == {("lost", "quarantine"): 1, ("undeclared", "accepted"): 1}


@pytest.mark.parametrize("with_source", [True, False])
def test_rows_that_changed_places_do_not_cancel(stage, with_source):
    """Every count is right, in both sinks."""
    move(stage, (5,), back=False)
    move(stage, (6,), back=True)
    audited = stage.audit(stage.memory(batch(RECORDS)) if with_source else None)
    assert {(one.kind, one.where) for one in audited.findings} == {
        (kind, name) for kind in ("lost", "undeclared") for name in ("accepted", "quarantine")
    }


def test_a_lost_row_whose_payload_is_gone_with_it_is_not_called_altered_too(stage):
    meddle(stage, "quarantine", Change(lose=(5,), column="payload"))
    assert found(stage.audit(None)) == {("lost", "quarantine"): (5,)}


def test_a_row_of_which_nobody_knows_the_place_is_undeclared(stage):
    kept = shelf(f"{stage.folder}/accepted")
    kept.tables = (*kept.tables, pa.Table.from_pylist([{}], kept.schema))
    audited = stage.audit(stage.memory(batch(RECORDS)))
    assert [(one.kind, one.where, one.offsets) for one in audited.findings] == [("undeclared", "accepted", (-1,))]


def test_a_source_that_gives_other_records_now_is_named_and_the_ledger_still_proves_the_sinks(stage):
    other = [payload(n) if n != 50 else b"{}" for n in range(RECORDS)]
    audited = stage.audit(stage.memory(batch(RECORDS).set_column(0, "payload", pa.array(other, pa.binary()))))
    (finding,) = audited.findings
    assert (finding.kind, finding.where, finding.partition) == ("source", "memory", 0)
    assert (finding.offsets[0], finding.count) == (40, 40)
    assert (audited.proved, audited.by_ledger) == (80, 40)


def test_a_source_that_forgot_its_beginning_leaves_the_rest_provable(stage):
    table = batch(RECORDS).append_column("offset", pa.array(range(RECORDS))).slice(EPOCH)
    audited = stage.audit(stage.memory(table))
    assert audited.holds
    assert (audited.proved, audited.by_ledger) == (80, 40)
    assert audited.uncompared == len([n for n in range(EPOCH) if n not in quarantined(stage)])
    meddle(stage, "accepted", Change(alter=(3,)))
    # Nobody can see it any more, and so nobody says that it is not there.
    assert stage.audit(stage.memory(table)).uncompared == audited.uncompared
    assert stage.audit(stage.memory(batch(RECORDS))).uncompared == 0


def test_what_a_dead_run_declared_is_open_and_no_error(stage):
    with pytest.raises(Died):
        stage.run(stage.memory(batch(160)), fuse=Fuse(5), records=EPOCH)
    for source in (stage.memory(batch(160)), None):
        audited = stage.audit(source)
        assert audited.holds
        assert (audited.open, audited.proved + audited.by_ledger) == (40, 120)
    stage.run(stage.memory(batch(160)))
    assert stage.audit(stage.memory(batch(160))).proved == 160


def test_a_mark_that_fell_behind_what_came_after_it_is_no_excuse(stage):
    """Only the newest intent can be unfinished."""
    kept = shelf(f"{stage.folder}/accepted")
    kept.tables, kept.marks = (), {}
    audited = stage.audit(stage.memory(batch(RECORDS)))
    assert audited.open == 40
    assert sum(one.count for one in audited.findings) == len([n for n in range(80) if n not in quarantined(stage)])
    assert {(one.kind, one.where) for one in audited.findings} == {("lost", "accepted")}


def quarantined(stage):
    return {offset for _, offset in stage.offsets("quarantine")}


def test_every_sink_is_audited(tmp_path):
    stage = Stage(tmp_path, accepted=("accepted", "copy"), quarantine=("quarantine", "other"))
    stage.run(stage.memory(batch(RECORDS)), records=EPOCH)
    assert stage.audit(stage.memory(batch(RECORDS))).holds
    meddle(stage, "copy", Change(alter=(3,)))
    meddle(stage, "other", Change(lose=(24,), column="payload"))
    audited = stage.audit(stage.memory(batch(RECORDS)))
    assert found(audited) == {("altered", "copy"): (3,), ("lost", "other"): (24,)}
    assert found(stage.audit(None)) == {("lost", "other"): (24,)}


def test_partitions_are_told_apart(tmp_path):
    stage = Stage(tmp_path)
    parts = {0: batch(50), 1: batch(60, start=50), 7: batch(10)}
    stage.run(stage.memory(parts), records=20)
    kept = shelf(f"{stage.folder}/accepted")
    rows = pa.concat_tables(kept.tables).to_pylist()
    kept.tables = (
        pa.Table.from_pylist(
            [row for row in rows if (row["_stillwell"]["partition"], row["_stillwell"]["offset"]) != (1, 4)],
            kept.schema,
        ),
    )
    for source in (stage.memory(parts), None):
        assert [(one.kind, one.partition, one.offsets) for one in stage.audit(source).findings] == [("lost", 1, (4,))]


def test_a_finding_names_a_few_offsets_and_counts_all(stage):
    meddle(stage, "accepted", Change(lose=tuple(range(RECORDS))))
    lost = [one for one in stage.audit(stage.memory(batch(RECORDS))).findings if one.where == "accepted"]
    assert all(isinstance(one, Finding) and len(one.offsets) == NAMED for one in lost)
    assert sum(one.count for one in lost) == RECORDS - len(quarantined(stage))
