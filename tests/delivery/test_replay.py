"""A replay is a delivery like any other: cut as it comes, finished by whoever comes next, each record once."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from stillwell.connectors.memory import shelf
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.delivery.again import Rejudge
from stillwell.delivery.choice import Choice
from stillwell.delivery.numbered import Numbered, Register
from stillwell.delivery.outcomes import OUTCOMES
from stillwell.delivery.quarantined import Quarantined
from stillwell.delivery.replay import Work, expire, recorded, replay
from stillwell.delivery.selection import Selection
from stillwell.kernel import Kernel
from stillwell.kernel.base import QUARANTINED
from stillwell.kernel.program import accepted_schema
from tests.delivery.stage import BEGAN, STRICT, Died, Fuse, Fused, Stage, batch, contract

LATER = contract("3.0.0")
"""What the strict contract rejected for its count alone passes now."""


class Room:
    """A stage whose records were judged strictly, and what a replay over it takes."""

    def __init__(self, folder):
        self.stage = Stage(folder)
        self.stage.run(self.stage.memory({0: batch(60), 1: batch(30, start=60)}), by=parse(STRICT), records=20)
        self.folder = folder
        self.made = []
        self.kernel = Kernel(LATER, threads=1)

    def outcomes(self):
        sink = self.stage.sink("quarantine").beside("outcomes")
        sink.open(OUTCOMES)
        return sink

    def begun(self, kind="replay"):
        self.register = Register(self.outcomes().ledger(), "test", "memory", {})
        run = Numbered(kind, 0, Selection(), {0: 60, 1: 30}, digest(LATER), BEGAN)
        return self.register.unfinished() or self.register.begin(run, LATER.text)

    def work(self, run, fuse=None, records=7):
        fuse = fuse or Fuse()
        accepted = self.stage.sink("accepted")
        accepted.open(accepted_schema(LATER))
        choice = Choice(run.selection, self.outcomes(), run.upto, [run.name])
        source = Quarantined(self.stage.sink("quarantine"), choice, self.folder / "laid", records=records)
        source.via = run.name
        outcomes = Fused(self.outcomes(), "outcomes", fuse)
        return Work(self.register, source, outcomes, [Fused(accepted, "accepted", fuse)])

    def replay(self, **told):
        run = self.begun()
        judge = Rejudge(self.register.ledger(run), self.kernel, lambda _: self.kernel)
        return sum(judged.read for judged in replay(run, self.work(run, **told), judge))

    def expire(self, erase, **told):
        run = self.begun("expire")
        work = dataclasses.replace(self.work(run, **told), accepted=())
        return [judged.read for judged in expire(run, work, erase)]

    def rows(self, name):
        kept = shelf(f"{self.folder}/{name}")
        return pa.concat_tables(kept.tables) if kept.tables else pa.table({})


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.kernel.close()


def offsets(rows):
    return sorted((one["_stillwell"]["partition"], one["_stillwell"]["offset"]) for one in rows)


def test_deaths_and_other_cuts_of_the_epochs_change_nothing(room, tmp_path):
    quarantined = room.rows("quarantine").to_pylist()
    straight = room.rows("accepted").to_pylist()
    for at, records in ((3, 7), (1, 2), (6, 11), (9, 3)):
        with pytest.raises(Died):
            room.replay(fuse=Fuse(at), records=records)
    room.replay(records=4)
    assert room.register.unfinished() is None
    assert room.rows("quarantine").to_pylist() == quarantined
    outcomes = room.rows("quarantine/outcomes").to_pylist()
    assert offsets(outcomes) == offsets(quarantined)
    replayed = [one for one in room.rows("accepted").to_pylist() if one not in straight]
    assert offsets(replayed) == offsets(one for one in outcomes if one["outcome"] == "passed")
    # The same as if these records had been judged by the later contract at first.
    whole = Stage(tmp_path / "whole")
    whole.run(whole.memory({0: batch(60), 1: batch(30, start=60)}), by=LATER)
    due = [one for one in whole.held("accepted").to_pylist() if offsets([one])[0] in offsets(quarantined)]
    assert replayed
    for one in (*due, *replayed):
        one["_stillwell"].pop("via")
    key = lambda one: (one["_stillwell"]["partition"], one["_stillwell"]["offset"])  # noqa: E731
    assert sorted(replayed, key=key) == sorted(due, key=key)


def test_an_outcome_has_the_clock_of_its_intent_though_another_process_writes_it(room):
    with pytest.raises(Died):
        room.replay(fuse=Fuse(1))
    [intent] = room.register.ledger(room.begun()).intents()
    room.replay()
    first = [one for one in room.rows("quarantine/outcomes").to_pylist() if offsets([one])[0] < (0, 17)]
    assert intent.clock in {one["at"] for one in first}
    assert {one["at"] for one in first} <= {
        one.clock for one in room.register.ledger(room.register.runs()[0]).intents()
    }


def test_what_expires_is_in_the_ledger_before_anything_is_erased(room):
    gone = []

    def erase(places):
        facts = [part.facts for one in room.register.ledger(room.begun()).intents() for part in one.slices]
        assert sum(one.quarantined for one in facts) == sum(one.read for one in facts) == len(places)
        assert all(one.conserved and one.accepted == 0 for one in facts)
        gone.append(places)

    quarantined = room.rows("quarantine").to_pylist()
    assert sum(room.expire(erase)) == len(quarantined)
    [places] = gone
    found = sorted(zip(places["partition"].to_pylist(), places["offset"].to_pylist(), strict=True))
    assert found == offsets(quarantined)
    assert len(recorded(room.outcomes(), "expire-1")) == len(found)
    assert len(recorded(room.outcomes(), "expire-2")) == 0


def test_an_erasure_that_failed_is_asked_for_again_as_a_whole(room):
    def fails(_places):
        raise Died

    with pytest.raises(Died):
        room.expire(fails)
    gone = []
    assert room.expire(gone.append) == []
    assert len(gone[0]) == len(room.rows("quarantine"))
    assert room.register.unfinished() is None


def test_every_record_of_an_expiry_counts_as_quarantined(room):
    run = room.begun("expire")
    work = dataclasses.replace(room.work(run), accepted=())
    for judged in expire(run, work, lambda _: None):
        assert set(judged.verdicts.to_pylist()) == {QUARANTINED}
        assert len(judged.accepted) == 0
