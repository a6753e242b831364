"""Replays and expiries are numbered, begin one after the other, and are known again after a death."""

from __future__ import annotations

import pytest

from stillwell.delivery.memory_ledger import MemoryLedger
from stillwell.delivery.numbered import Numbered, Register, ends
from stillwell.delivery.selection import Selection
from stillwell.delivery.slice import mark_name
from stillwell.errors import Fenced
from tests.delivery.stage import BEGAN

ORIGIN = "kafka:abc/def"


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.fixture
def register(ledger):
    return Register(ledger, "sensors", ORIGIN, {"duckdb": "2"})


def run(kind="replay", **told):
    return Numbered(kind, 0, Selection.parse(["rule=a.*", "offset=1..2"]), {0: 7, 3: 0}, "c0ffee", BEGAN, **told)


def test_a_run_is_known_again_by_its_first_line(ledger, register):
    begun = register.begin(run(), "the contract")
    assert begun.name == "replay-1"
    [known] = Register(ledger, "sensors", ORIGIN, {}).runs()
    assert known == begun
    assert register.unfinished() == begun
    assert register.ledger(begun).contract_text("c0ffee") == "the contract"
    assert register.ledger(begun).intents() == []
    assert register.identity(begun).source == f"{ORIGIN}#replay-1"


def test_it_is_unfinished_until_its_last_line(register):
    begun = register.begin(run(), "")
    register.end(begun)
    assert register.unfinished() is None
    assert register.runs() == [begun]
    with pytest.raises(Fenced):
        register.end(begun)


def test_each_kind_counts_for_itself_and_above_what_sinks_know(register):
    for kind, name in (("replay", "replay-1"), ("replay", "replay-2"), ("expire", "expire-1")):
        begun = register.begin(run(kind), "")
        assert begun.name == name
        register.end(begun)
    marks = [mark_name("sensors", f"{ORIGIN}#replay-9", 0), mark_name("sensors", f"{ORIGIN}#expire-4", -1), "other"]
    assert register.begin(run(), "", marks).name == "replay-10"
    assert [one.name for one in register.runs()] == ["replay-1", "replay-2", "expire-1", "replay-10"]


@pytest.mark.parametrize("kinds", [("replay", "replay"), ("expire", "replay"), ("replay", "expire")])
@pytest.mark.parametrize("seen", [True, False])
def test_of_two_that_begin_a_run_one_is_fenced(ledger, register, monkeypatch, kinds, seen):
    """Also when it had looked before the other began, and so knows of no other run."""
    other = Register(ledger, "sensors", ORIGIN, {})
    if not seen:
        monkeypatch.setattr(other, "_lines", list)
    begun = register.begin(run(kinds[0]), "")
    with pytest.raises(Fenced):
        other.begin(run(kinds[1]), "")
    monkeypatch.undo()
    assert register.unfinished() == begun
    register.end(begun)
    assert other.begin(run(kinds[1]), "").kind == kinds[1]


def test_runs_of_other_pipelines_and_sources_are_not_ours(ledger, register):
    Register(ledger, "other", ORIGIN, {}).begin(run(), "")
    Register(ledger, "sensors", "kafka:abc/de", {}).begin(run(), "")
    assert register.runs() == []
    assert register.unfinished() is None


def test_an_end_is_what_every_sink_has_reached():
    one = {mark_name("p", ORIGIN, 0): 9, mark_name("p", ORIGIN, 12): 5, mark_name("p", f"{ORIGIN}#replay-1", 0): 99}
    other = {mark_name("p", ORIGIN, 0): 7, mark_name("q", ORIGIN, 4): 5}
    assert ends([one, other], "p", ORIGIN) == {0: 7, 12: 0}
    assert ends([one], "p", ORIGIN) == {0: 9, 12: 5}
