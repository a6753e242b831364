"""Files that verbs write: whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from stillwell.cli._file import complete, refuse_existing, refuse_same, write
from stillwell.errors import StillwellError


def code(call, *arguments, **options):
    with pytest.raises(StillwellError) as caught:
        call(*arguments, **options)
    return [one.code for one in caught.value.problems]


def test_a_file_is_there_only_once_it_is_whole(tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("before")
    with complete(out) as file:
        file.write("µ,")
        file.write("x\n")
        assert out.read_text() == "before"
    assert out.read_bytes() == "µ,x\n".encode()
    assert list(tmp_path.iterdir()) == [out]


def test_what_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("before")

    def break_off():
        with complete(out) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", "after")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "after"


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe, "a,b\n")
    reader.join(10)
    assert got == ["a,b\n"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["no/a.csv", "file/a.csv", "."])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    assert code(write, tmp_path / name, "x") == ["unwritable"]


def test_a_full_device_is_told():
    assert code(write, Path("/dev/full"), "x") == ["disk-full"]


def test_every_file_that_is_there_is_refused_at_once(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    paths[0].write_text("")
    paths[2].write_text("")
    assert code(refuse_existing, paths, force=False) == ["exists", "exists"]
    refuse_existing(paths, force=True)
    refuse_existing(paths[1:2], force=False)


def test_what_is_read_is_not_written_by_any_name(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "link").symlink_to("a.csv")
    assert code(refuse_same, tmp_path / "link", [tmp_path / "a.csv"], "--out") == ["same-file"]
    refuse_same(tmp_path / "b.csv", [tmp_path / "a.csv"], "--out")
