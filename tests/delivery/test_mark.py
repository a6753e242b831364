"""Marks move only from where they are believed to stand."""

from __future__ import annotations

import pytest

from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Advance
from stillwell.errors import Fenced


def test_marks_that_stand_where_expected_move_and_others_stay():
    assert moved({"a": 5, "b": 7}, {"a": Advance(5, 9), "c": Advance(0, 1)}) == {"a": 9, "b": 7, "c": 1}


def test_every_mark_that_stands_elsewhere_is_named():
    with pytest.raises(Fenced) as caught:
        moved({"a": 5, "b": 7}, {"a": Advance(0, 9), "b": Advance(7, 8), "c": Advance(3, 4)})
    assert [problem.code for problem in caught.value.problems] == ["fenced"] * 2
    assert "`a` stands at 5 where 0" in str(caught.value)
    assert "`c` stands at 0 where 3" in str(caught.value)
