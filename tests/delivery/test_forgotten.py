"""What a sink may have let go of lies below the first row that is left, in every part that forgot some."""

from __future__ import annotations

from stillwell.delivery.forgotten import ANY, NOTHING, Forgotten


def test_a_sink_that_forgot_nothing_has_no_excuse():
    assert (NOTHING.below(0), NOTHING.below(3, "replay-1"), NOTHING.most) == (0, 0, 0)


def test_the_part_that_forgot_most_decides_and_replays_stand_apart():
    forgotten = Forgotten(9, ({(None, 0): 5, ("replay-1", 0): 2}, {(None, 0): 8, ("replay-1", 0): 1}))
    assert (forgotten.below(0), forgotten.below(0, "replay-1")) == (8, 2)


def test_where_no_row_of_a_partition_is_left_any_may_be_gone():
    assert Forgotten(9, ({(None, 0): 5},)).below(1) == ANY
