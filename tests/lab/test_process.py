"""A process is told from another one that got its number."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from stillwell.lab._process import Child, Command, Process, loosen


@pytest.fixture
def sleeper():
    popen = subprocess.Popen(["sleep", "600"])
    yield popen
    popen.kill()
    popen.wait()


def test_it_is_alive_until_it_ended_even_if_nobody_buried_it(sleeper):
    process = Process.of(sleeper.pid)
    assert process.alive
    assert not process.signal(signal.SIGCONT)
    assert process.signal(signal.SIGTERM, wait=5)
    assert not process.alive  # a zombie now
    assert Process.of(sleeper.pid) is None
    sleeper.wait()
    assert not process.alive
    assert process.signal(signal.SIGTERM)


def test_a_number_that_was_given_to_somebody_else_is_nobody_we_may_end(sleeper):
    process = Process.of(sleeper.pid)
    before = Process(sleeper.pid, process.started - 1)
    assert not before.alive
    assert before.signal(signal.SIGKILL, wait=1)
    assert sleeper.poll() is None


def test_a_name_with_brackets_and_blanks_confuses_nothing(tmp_path):
    odd = tmp_path / "a) Z (b"
    odd.symlink_to("/bin/sleep")
    popen = subprocess.Popen([str(odd), "600"])
    try:
        assert Process.of(popen.pid).alive
    finally:
        popen.kill()
        popen.wait()


def test_what_a_child_says_is_added_to_its_log_and_it_hears_nothing(tmp_path):
    log = tmp_path / "log"
    for _ in range(2):
        child = Child(Command(["bash", "-c", "pwd; cat; echo oh >&2"], tmp_path, log))
        child.bury()
        assert not child.process.alive
    assert log.read_text() == f"{tmp_path}\noh\n" * 2


def test_a_loose_command_begins_when_its_process_is_noted_and_belongs_to_nobody(tmp_path):
    noted = []

    def note(process):
        time.sleep(0.2)
        assert not (tmp_path / "log").read_text()
        noted.append(process)

    loosen(Command(["bash", "-c", "echo $$; exec sleep 600"], tmp_path, tmp_path / "log"), note)
    (process,) = noted
    try:
        assert process.alive
        end = time.monotonic() + 5
        while time.monotonic() < end and not (tmp_path / "log").read_text():
            time.sleep(0.01)
        assert int((tmp_path / "log").read_text()) == process.pid
        assert os.getsid(process.pid) != os.getsid(0)
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    finally:
        assert process.signal(signal.SIGTERM, wait=5)
