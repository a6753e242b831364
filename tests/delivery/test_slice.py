"""The names of marks are stored in tables that outlive us."""

from __future__ import annotations

from stillwell.delivery.slice import Position, mark_name


def test_the_name_of_a_mark_tells_pipeline_source_and_partition():
    assert mark_name("p", "files:*.jsonl", 3) == "stillwell/p/files:*.jsonl/3"


def test_a_partition_that_was_never_read_begins_at_its_first_offset():
    assert Position() == Position(0, "")
