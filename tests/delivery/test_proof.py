"""A proof holds the ledger against what sinks keep, and names what differs as exactly as it can."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from stillwell.delivery.again import Rejudge
from stillwell.delivery.forgotten import NOTHING, Forgotten
from stillwell.delivery.holdings import Holdings
from stillwell.delivery.proof import NAMED, Kept, Proof, finding
from stillwell.kernel import Kernel
from stillwell.kernel.digest import payload_hash
from tests.delivery.stage import Stage, batch, contract


class Rows:
    """What a sink would give."""

    def __init__(self, rows, schema):
        self.table = pa.Table.from_pylist(rows, schema)

    def rows(self, columns=None):
        yield from (self.table.select(columns) if columns else self.table).to_batches()


class Case:
    """A run of sixty records, and what is kept of it after somebody has been there."""

    def __init__(self, folder):
        self.stage = Stage(folder)
        self.stage.run(self.stage.memory(batch(60)), records=20)
        self.ledger = self.stage.sink("accepted").ledger()
        self.held = {name: self.stage.held(name) for name in ("accepted", "quarantine")}

    def kept(self, name, drop=(), times=1, forgotten=NOTHING):
        table = self.held[name]
        rows = [row for row in table.to_pylist() * times if row["_stillwell"]["offset"] not in drop]
        sink = Rows(rows, table.schema)
        due = (lambda judged: judged.accepted) if name == "accepted" else (lambda judged: judged.quarantined)
        payloads = partial(Holdings.of_payloads, sink) if name == "quarantine" else None
        return Kept(self.stage.sink(name).marks(), Holdings.of(sink), due, payloads, forgotten)

    def expired(self, offsets, spoil=0):
        rows = [row for row in self.held["quarantine"].to_pylist() if row["_stillwell"]["offset"] in offsets]
        sink = Rows(rows, self.held["quarantine"].schema)
        hashes = [(payload_hash(row["payload"]) + spoil) % 2**64 for row in rows]
        return Holdings.by(
            sink, lambda batch: pa.nulls(len(batch), pa.string()), lambda _: np.array(hashes, np.uint64)
        )[None]

    def proof(self, accepted, quarantine, *, source, **told):
        proved = self.proved(accepted, quarantine, source=source, **told)
        return {(one.kind, one.where): one.offsets for one in proved.findings}

    def proved(self, accepted, quarantine, *, source, **told):
        kernel = Kernel(contract(), threads=1)
        judge = Rejudge(self.ledger, kernel, lambda _: kernel)
        again = self.stage.memory(batch(60)) if source else None
        proved = Proof(self.ledger.intents(), accepted, quarantine, again, judge, **told).run()
        kernel.close()
        return proved


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("case"))


@pytest.mark.parametrize("source", [True, False])
def test_all_holds_for_what_was_written(case, source):
    assert case.proof({"a": case.kept("accepted")}, {"q": case.kept("quarantine")}, source=source) == {}


@pytest.mark.parametrize("source", [True, False])
def test_expired_rows_may_be_missing_or_there_still(case, source):
    for drop in ((5, 7, 24), (5,), ()):
        quarantine = {"q": case.kept("quarantine", drop)}
        told = case.proof({"a": case.kept("accepted")}, quarantine, source=source, expired=case.expired((5, 7, 24)))
        assert told == {}
    quarantine = {"q": case.kept("quarantine", (5, 7, 24))}
    told = case.proof({"a": case.kept("accepted")}, quarantine, source=source, expired=case.expired((5, 24)))
    assert told == {("lost", "q"): (7,)}


def test_an_expired_row_that_was_never_quarantined_is_named(case):
    wrong = case.expired((5, 7))
    wrong.offset[1] = 6
    told = case.proof({"a": case.kept("accepted")}, {"q": case.kept("quarantine", (5,))}, source=True, expired=wrong)
    assert told == {("undeclared", "outcomes"): (6,)}


def test_without_the_source_payloads_of_expired_rows_must_be_those_of_the_ledger(case):
    quarantine = {"q": case.kept("quarantine", (5, 7))}
    told = case.proof({"a": case.kept("accepted")}, quarantine, source=False, expired=case.expired((5, 7), spoil=1))
    assert set(told) == {("altered", "q")}


def test_without_the_source_another_sink_of_the_same_rows_tells_which_are_missing(case):
    accepted = {"a": case.kept("accepted"), "b": case.kept("accepted", (21, 22))}
    assert case.proof(accepted, {"q": case.kept("quarantine")}, source=False) == {("lost", "b"): (21, 22)}


@pytest.mark.parametrize("source", [True, False])
def test_rows_that_a_sink_let_go_of_are_no_longer_provable_and_not_lost(case, source):
    offsets = case.held["accepted"]["_stillwell"].to_pylist()
    gone = tuple(one["offset"] for one in offsets if one["offset"] < 30)
    forgotten = Forgotten(len(gone) + 1, ({(None, 0): 30},))
    accepted = {"a": case.kept("accepted", gone, forgotten=forgotten)}
    proved = case.proved(accepted, {"q": case.kept("quarantine")}, source=source)
    assert proved.findings == ()
    (part,) = proved.partitions
    assert part.forgotten == len(gone)
    assert (part.proved, part.by_ledger)[:: 1 if source else -1] == (60 - len(gone), 0)


@pytest.mark.parametrize("source", [True, False])
def test_a_row_above_what_a_sink_let_go_of_is_lost(case, source):
    accepted = {"a": case.kept("accepted", (1, 2, 33), forgotten=Forgotten(9, ({(None, 0): 30},)))}
    proved = case.proved(accepted, {"q": case.kept("quarantine")}, source=source)
    assert [(one.kind, one.where, one.count, one.offsets) for one in proved.findings] == [("lost", "a", 1, (33,))]
    assert proved.partitions[0].forgotten == 2


@pytest.mark.parametrize("source", [True, False])
def test_more_rows_than_a_sink_ever_let_go_of_are_lost(case, source):
    accepted = {"a": case.kept("accepted", (1, 2, 3, 4), forgotten=Forgotten(3, ({(None, 0): 30},)))}
    proved = case.proved(accepted, {"q": case.kept("quarantine")}, source=source)
    assert [(one.kind, one.count, one.offsets) for one in proved.findings] == [("lost", 1, ())]


def test_letters_may_be_gone_too(case):
    quarantine = {"q": case.kept("quarantine", (5, 7), forgotten=Forgotten(2, ({(None, 0): 11},)))}
    proved = case.proved({"a": case.kept("accepted")}, quarantine, source=True)
    assert (proved.findings, proved.partitions[0].forgotten) == ((), 2)


def test_a_finding_counts_all_and_names_the_first_and_there_is_none_of_nothing():
    [one] = finding("lost", "here", 3, pa.array(range(99)).to_numpy())
    assert (one.count, one.offsets) == (99, tuple(range(NAMED)))
    assert finding("lost", "here", 3, pa.array([], pa.int64()).to_numpy()) == []
