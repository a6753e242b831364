"""Several processes as one service: each is started again when it dies, and all end with the one that runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from stillwell.lab._crew import crew, members
from stillwell.lab._process import Process

SLEEP = [sys.executable, "-I", "-S", "-c", "import time\nwhile True: time.sleep(1)"]


@pytest.fixture
def running(tmp_path):
    """A crew of two that sleep."""
    (tmp_path / "some.log").touch()
    process = subprocess.Popen(crew(tmp_path, {"one": SLEEP, "two": SLEEP}), stdout=subprocess.DEVNULL)
    until(lambda: len(members(tmp_path)) == 2)
    yield process
    process.kill()
    process.wait()


def until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_whoever_dies_is_started_again(running, tmp_path):
    before = members(tmp_path)
    Process.of(before["one"]).signal(signal.SIGKILL, 5)
    until(lambda: members(tmp_path)["one"] != before["one"])
    assert members(tmp_path)["two"] == before["two"]
    assert Process.of(members(tmp_path)["one"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_one_that_runs_them(running, tmp_path, number):
    there = [Process.of(pid) for pid in members(tmp_path).values()]
    running.send_signal(number)
    until(lambda: not any(one.alive for one in there))


def test_nobody_is_there_before_the_first_was_started(tmp_path):
    assert members(tmp_path) == {}
