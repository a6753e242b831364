"""Files are whole or not there, and a write that fails says why in one shape."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stillwell.delivery.durable import aside, door, make_folder, put_new, refusal, replace, writing
from stillwell.errors import ConnectorError


def test_of_many_writers_of_one_name_exactly_one_has_it(tmp_path):
    path = tmp_path / "x"
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: put_new(path, b"%d" % number), range(40)))
    assert sum(taken) == 1
    assert path.read_bytes() == b"%d" % taken.index(True)
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_leaves_nothing_beside(tmp_path):
    for content in (b"old", b"new"):
        replace(tmp_path / "x", content)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"new")]


def test_only_what_was_left_long_ago_is_swept_out(tmp_path):
    old, young, other = aside(tmp_path / "a"), aside(tmp_path / "a"), tmp_path / ".a.aside.txt"
    for path in (old, young, other):
        path.write_bytes(b"")
        os.utime(path, (time.time() - 7200 * (path is not young),) * 2)
    make_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, other])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk-full"),
        (RuntimeError("Generic error: write failed (os error 28)"), "disk-full"),
        (RuntimeError("Could not write file: No space left on device"), "disk-full"),
        (PermissionError(errno.EACCES, "Permission denied"), "unwritable"),
        (RuntimeError("whatever"), "unwritable"),
    ],
)
def test_the_reason_is_found_however_a_library_tells_it(tmp_path, error, code):
    (problem,) = refusal(tmp_path / "x", error).problems
    assert problem.code == code
    assert str(tmp_path / "x") in problem.what


def test_writing_speaks_of_its_path(tmp_path):
    with pytest.raises(ConnectorError, match="missing"), writing(tmp_path / "missing"):
        (tmp_path / "missing" / "x").write_bytes(b"")


def test_a_door_is_tried_without_being_opened(tmp_path):
    door(tmp_path / "a" / "b" / "c")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConnectorError, match="not a folder"):
        door(tmp_path / "file" / "x")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
@pytest.mark.parametrize("below", ["x", "x/y/z"])
def test_a_folder_that_takes_nothing_is_refused_whoever_asks(below):
    with pytest.raises(ConnectorError, match=r"/proc takes nothing new|ermission") as caught:
        door(Path("/proc") / below)
    assert caught.value.problems[0].code == "unwritable"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to this user")
def test_a_closed_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConnectorError, match="ermission"):
        door(tmp_path / "x")
    tmp_path.chmod(0o700)
