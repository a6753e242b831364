"""An archive of classes is made once for each build of Java, and never half."""

from __future__ import annotations

import threading

import pytest

from stillwell.errors import StillwellError, fail
from stillwell.lab._archive import archive, archived


@pytest.fixture
def place(tmp_path):
    """A folder of the cache, and a program that stands for a build of Java."""
    program = tmp_path / "java"
    program.write_text("one")
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder, program


def test_it_is_made_once_even_by_two_at_once(place):
    made = []

    def make(target):
        made.append(target)
        target.write_text("classes")

    threads = [threading.Thread(target=archive, args=[*place, make]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert archived(*place).read_text() == "classes"
    assert not made[0].exists()


def test_another_build_of_java_has_an_archive_of_its_own(place):
    folder, program = place
    first = archived(folder, program)
    program.write_text("another")
    assert archived(folder, program) != first


def test_half_an_archive_never_counts_and_none_is_no_error(place):
    def broken(target):
        target.write_text("half")
        raise fail(StillwellError, "not-started", "It did not start.", "Look.")

    archive(*place, broken)
    assert not archived(*place).exists()
    archive(*place, lambda target: target.write_text("whole"))
    assert archived(*place).read_text() == "whole"
