"""A selection says which records are meant, in words that a person types and a ledger keeps."""

from __future__ import annotations

import pytest

from stillwell.delivery.selection import Selection
from stillwell.errors import StillwellError


def test_what_cannot_be_understood_is_told_all_at_once():
    wrong = ["rul=x", "state=done", "offset=9..3", "partition=-1", "since=soon", "rule=", "nothing"]
    with pytest.raises(StillwellError) as caught:
        Selection.parse(wrong)
    assert [one.code for one in caught.value.problems] == ["bad-where"] * len(wrong)
    assert "Did you mean `rule`?" in str(caught.value)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["rule=a", "rule=b.*", "field=f", "key=", "version=1.0.0"],
        ["partition=3", "offset=1..2", "offset=9..9", "state=open", "since=2026-01-01T00:00:00+00:00"],
    ],
)
def test_a_ledger_keeps_it_and_a_person_reads_it(texts):
    made = Selection.parse(texts)
    assert Selection.from_json(made.to_json()) == made
    assert Selection.parse(str(made).split()) == made


def test_open_records_are_meant_unless_another_state_is_said():
    assert Selection().open_only().state == ("open",)
    assert Selection.parse(["state=failing"]).open_only().state == ("failing",)
