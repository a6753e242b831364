"""Keys are found again however many there are, are let go when told, and come back as they were saved."""

from __future__ import annotations

import numpy as np

from stillwell.kernel.sequence.state import NEVER, PartitionState, Set, Shape


def filled(count):
    one = Set(Shape(3, lazy=False, horizon=None))
    hashes = np.random.default_rng(3).integers(0, 2**63, (count, 2)).astype(np.uint64)
    one.fill(np.arange(count), hashes, np.arange(3 * count).reshape(count, 3))
    return one, hashes


def test_room_grows_and_slots_stay():
    one, hashes = filled(1024)
    one.make_room()
    assert (one.used, len(one.hashes)) == (1024, 2048)
    assert (one.hashes[:1024] == hashes).all()
    assert one.words[1023].tolist() == [3069, 3070, 3071]
    assert sorted(one.table[one.table > 0].tolist()) == list(range(1, 1025))


def test_what_is_not_kept_is_gone():
    one, hashes = filled(5000)
    one.keep(np.array([7, 4999]))
    assert (one.used, one.hashes[:2].tolist()) == (2, hashes[[7, 4999]].tolist())
    assert np.count_nonzero(one.table) == 2


def test_only_what_was_touched_is_saved_again():
    state = PartitionState([Shape(3, lazy=False, horizon=None)], 100)
    state.sets[0], hashes = filled(50)
    assert len(state.saved()["0.slots"]) == 50
    assert len(state.saved()["0.slots"]) == 0
    state.sets[0].touched[[3, 9]] = 1
    saved = state.saved()
    assert (saved["0.slots"].tolist(), saved["0.hashes"].tolist()) == ([3, 9], hashes[[3, 9]].tolist())
    state.save_all()
    assert len(state.saved()["0.slots"]) == 50


def test_what_was_saved_comes_back_slot_by_slot():
    state, other = (PartitionState([Shape(3, lazy=False, horizon=None)], 100) for _ in range(2))
    state.sets[0], _ = filled(50)
    state.watermark = 17
    state.begin(70_000)
    whole = state.saved()
    state.sets[0].words[5] = 1, 2, 3
    state.sets[0].touched[5] = 1
    other.restore(whole)
    other.restore(state.saved())
    assert (other.watermark, other.sets[0].used) == (17, 50)
    assert other.sets[0].words[:50].tolist() == state.sets[0].words[:50].tolist()
    assert other.saved()["partition"].tolist() == [17, 1, 0]


def test_rows_are_cut_where_a_block_of_offsets_ends():
    state = PartitionState([], 1)
    assert state.blocks(np.array([65_534, 65_535, 65_536, 200_000])) == [2, 3, 4]
    assert state.watermark == NEVER


def heard(times, watermark, horizon=10, most=100_000):
    """A partition of keys that were heard of at these times, at the end of a block."""
    state = PartitionState([Shape(1, lazy=False, horizon=horizon)], most)
    hashes = np.random.default_rng(3).integers(0, 2**63, (len(times), 2)).astype(np.uint64)
    state.sets[0].fill(np.arange(len(times)), hashes, np.array(times)[:, None])
    state.watermark = watermark
    state.begin(0)
    state.saved()
    state.begin(70_000)
    return state


def test_a_few_old_keys_are_no_reason_to_move_and_save_all_others():
    few = heard([0] * 500 + [100] * 3500, watermark=100)
    assert (few.sets[0].used, len(few.saved()["0.slots"])) == (4000, 0)
    many = heard([0] * 1500 + [100] * 2500, watermark=100)
    assert (many.sets[0].used, len(many.saved()["0.slots"]), many.forgotten) == (2500, 2500, 0)


def test_old_keys_go_before_any_other_has_to_be_forgotten():
    state = heard([0] * 500 + [100] * 3500, watermark=100, most=3700)
    assert (state.sets[0].used, state.forgotten) == (3500, 0)
