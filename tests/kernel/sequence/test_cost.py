"""What a key costs is what the arrays of that many keys weigh, for each kind of rule, alone and together."""

from __future__ import annotations

import numpy as np
import pytest

from stillwell.kernel import Kernel
from stillwell.kernel.sequence.cost import costs
from stillwell.kernel.sequence.history import History
from tests.kernel.sequence.test_history import CLOCK, RULES, contract, stream

KEYS = 3000
COST = {
    "jump": 49, "change": 169, "unchanged": 49, "same_text": 49, "unique": 33, "order": 41, "late": 0, "count": 65,
    "counter": 49, "counter_without_reset": 49, "step": 49, "gap": 41, "transition": 41, "spike": 65, "session": 57,
}  # fmt: skip
"""Bytes of a key that has only this rule: 25 to find it, 8 for when it was last heard of, and the rule's own words."""


def weighed(one):
    """Bytes of all arrays for each key that there is room for."""
    arrays = (one.hashes, one.words, one.touched, one.table)
    return sum(array.nbytes for array in arrays) / len(one.hashes)


@pytest.mark.parametrize("name", RULES)
def test_a_key_costs_what_is_said_for_each_kind(name):
    one = contract([name])
    history = History(one)
    Kernel(one).judge(stream(KEYS, KEYS), CLOCK, history)
    sets = history.of(0).sets
    assert [cost.bytes for cost in costs(one)] == [weighed(part) for part in sets]
    assert sum(cost.bytes for cost in costs(one)) == COST[name]
    assert all(part.used == KEYS for part in sets)


def test_rules_of_one_key_share_what_it_takes_to_find_it():
    one = contract(["jump", "order", "unique", "late"])
    [shared, once] = costs(one)
    assert (shared.key, once.key) == (("id",), ("id", "t"))
    assert shared.rules == {"jump": 16, "order": 8}
    assert shared.bytes == 25 + 8 + 16 + 8
    assert once.bytes == COST["unique"]


def test_there_is_never_room_for_more_than_twice_what_is_there():
    one = contract(["counter"])
    history = History(one)
    kernel = Kernel(one)
    rows = stream(9000, 9000)
    for begin in range(0, 9000, 1500):
        kernel.judge(rows.slice(begin, 1500), CLOCK, history)
        [part] = history.of(0).sets
        assert part.used <= len(part.hashes) <= max(2 * part.used, 1024)


def test_a_save_holds_the_hash_and_the_words_of_each_key_and_its_place():
    one = contract(["jump", "order"])
    history = History(one)
    Kernel(one).judge(stream(KEYS, KEYS), CLOCK, history)
    saved = history.saved(0)
    size = sum(np.asarray(saved[f"0.{part}"]).nbytes for part in ("slots", "hashes", "words"))
    assert size == KEYS * (8 + 16 + 8 * 4)
