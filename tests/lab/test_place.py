"""Files of the lab are for this user, whole or not at all."""

from __future__ import annotations

import os

import pytest

from stillwell.errors import StillwellError
from stillwell.lab._place import alone, written


def test_a_file_is_replaced_in_one_step_and_is_for_this_user_alone(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / f".secret.{os.getpid()}").write_text("left by a killed one of our number")
    with path.open() as reader:
        assert written(path, b"new") == path
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_place_that_cannot_be_written_is_one_error_with_its_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StillwellError, match="Go elsewhere") as caught,
        alone(tmp_path / "file" / "lock", "Go elsewhere."),
    ):
        pass
    assert caught.value.problems[0].code == "unwritable"
