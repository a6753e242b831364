"""The journal of turns: the first to write one down decides, for whoever reads it."""

from __future__ import annotations

from stillwell.connectors.files.journal import Journal, Turn


def turn(offset, path="a"):
    return Turn(offset, path, (1, 2, "x"), 0)


def test_the_first_claim_of_an_offset_holds_in_every_object(tmp_path):
    one, two = Journal(tmp_path / "x"), Journal(tmp_path / "x")
    assert one.claim(turn(5)) == turn(5)
    assert two.claim(turn(5, "b")) == turn(5)
    assert two.claim(turn(9, "b")) == turn(9, "b")
    assert one.claim(turn(9)) == turn(9, "b")
    for found in (one, two, Journal(tmp_path / "x")):
        assert (found.at(5), found.at(6), found.after(4), found.after(5), found.after(9)) == (turn(5), None, 5, 9, None)


def test_the_oldest_turns_are_dropped_when_there_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr("stillwell.connectors.files.journal._MOST", 20)
    journal = Journal(tmp_path / "x")
    for offset in range(30):
        journal.claim(turn(offset))
    again = Journal(tmp_path / "x")
    assert (again.after(-1), again.at(29)) == (20, turn(29))
    assert journal.claim(turn(30)) == turn(30)
    assert Journal(tmp_path / "x").at(30) == turn(30)
