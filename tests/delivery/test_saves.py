"""Saves of what sequence rules remember: those of several who judged one epoch come under one word, and none harms another."""

from __future__ import annotations

import numpy as np
import pytest

from stillwell.delivery.saves import Saved, chain, forget_older, joined, new_word, place, write
from stillwell.errors import ConnectorError, StillwellError


def save(folder, partition, offset, value, before=None):
    """A save that holds one number, and where it lies."""
    word = new_word()
    path = place(folder, partition, offset, word)
    write(path, {"value": np.array([value])}, before)
    whole = frozenset() if before else frozenset({partition})
    return Saved(word, {partition: offset}, whole, {partition: value}), path


def values(path, known=None):
    saves, goes_on = chain(path, known)
    return [int(one["value"][0]) for one in saves], goes_on


def test_a_chain_goes_back_to_what_holds_all_or_to_what_is_known(tmp_path):
    _, first = save(tmp_path, 0, 10, 1)
    _, second = save(tmp_path, 0, 20, 2, first)
    _, third = save(tmp_path, 0, 30, 3, second)
    _, other = save(tmp_path, 0, 20, 4, first)
    assert values(third) == ([1, 2, 3], False)
    assert values(third, second) == ([3], True)
    assert values(third, first) == ([2, 3], True)
    assert values(third, other) == ([1, 2, 3], False)


def test_saves_of_several_are_joined_under_one_word_that_finds_each(tmp_path):
    parts = [save(tmp_path, partition, 10 + partition, partition)[0] for partition in range(3)]
    found = joined(tmp_path, [parts[0], Saved(), *parts[1:]])
    assert found.offsets == {0: 10, 1: 11, 2: 12}
    assert (found.whole, found.forgotten) == ({0, 1, 2}, {0: 0, 1: 1, 2: 2})
    assert [values(place(tmp_path, one, 10 + one, found.word))[0] for one in range(3)] == [[0], [1], [2]]
    assert joined(tmp_path, parts[:1]) == parts[0]
    assert joined(tmp_path, [Saved(), Saved()]) == Saved()


def test_who_saves_the_same_epoch_again_does_not_touch_what_was_saved(tmp_path):
    _, first = save(tmp_path, 0, 10, 1)
    _, one = save(tmp_path, 0, 20, 2, first)
    _, other = save(tmp_path, 0, 20, 3, first)
    assert (values(one)[0], values(other)[0]) == ([1, 2], [1, 3])


def test_what_lies_before_a_save_that_holds_all_goes_and_the_others_stay(tmp_path):
    _, first = save(tmp_path, 0, 10, 1)
    second, _ = save(tmp_path, 0, 20, 2, first)
    forget_older(tmp_path, second)
    assert first.exists()
    third, _ = save(tmp_path, 0, 30, 3)
    there, _ = save(tmp_path, 1, 30, 3)
    found = joined(tmp_path, [third, there])
    forget_older(tmp_path, found)
    assert not first.exists()
    assert values(place(tmp_path, 0, 30, found.word))[0] == values(place(tmp_path, 0, 30, third.word))[0] == [3]


def test_a_save_that_is_gone_or_cannot_be_joined_is_one_clear_error(tmp_path):
    _, first = save(tmp_path, 0, 10, 1)
    second, path = save(tmp_path, 0, 20, 2, first)
    first.unlink()
    with pytest.raises(StillwellError) as raised:
        chain(path)
    assert raised.value.problems[0].code == "history-lost"
    path.unlink()
    with pytest.raises(ConnectorError) as refused:
        joined(tmp_path, [second, save(tmp_path, 1, 20, 2)[0]])
    assert refused.value.problems[0].code == "unwritable"
