"""The leash: nothing outlives who holds it, however that one ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stillwell.lab import _leash
from stillwell.lab._process import Process

HOLDER = """
import sys, time
from pathlib import Path
from stillwell.lab._process import Child, Command
child = Child(Command(["sleep", "600"], Path("."), Path("log")))
print(child.process.pid, flush=True)
{end}
"""


def held_by(folder, end):
    """A process that holds `sleep`, the number of that, and its watcher's."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER.format(end=end)], cwd=folder, stdout=subprocess.PIPE)
    with holder.stdout as said:
        pid = int(said.readline())
    return holder, pid


def gone(pid, within=5):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if Process.of(pid) is None:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("end", ["time.sleep(600)", "raise SystemExit", "1 / 0"])
def test_no_orphan_is_left_by_a_holder_that_is_killed_ends_or_crashes(tmp_path, end):
    holder, pid = held_by(tmp_path, end)
    if "sleep" in end:
        assert Process.of(pid)
        holder.kill()
    holder.wait()
    assert gone(pid)


def test_a_holder_that_is_interrupted_at_its_terminal_still_decides_itself_how_it_ends(tmp_path):
    holder, pid = held_by(tmp_path, "time.sleep(600)")
    assert os.getpgid(pid) != os.getpgid(holder.pid)
    assert os.getsid(pid) == pid
    holder.kill()
    holder.wait()
    assert gone(pid)


def test_the_watcher_goes_with_what_it_watches(tmp_path):
    holder, pid = held_by(tmp_path, "time.sleep(600)")
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not (watcher := children.read_text()):
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert gone(int(watcher))
    holder.kill()
    holder.wait()


@pytest.mark.parametrize(("deaf", "code"), [(":", signal.SIGTERM), ("trap '' TERM", signal.SIGKILL)])
def test_what_does_not_end_well_in_time_is_killed(monkeypatch, deaf, code):
    monkeypatch.setattr(_leash, "PATIENCE", 0.2)
    ours, theirs = socket.socketpair()
    program = ["bash", "-c", f"{deaf}; echo ready; read x"]
    with ours, subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as watched:
        watched.stdout.readline()
        handle = os.pidfd_open(watched.pid)
        theirs.close()
        _leash._watch(ours.fileno(), handle)
        os.close(handle)
        assert watched.wait(5) == -code


def test_a_loose_command_never_begins_where_nobody_wrote_its_number_down(tmp_path):
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", _leash.__file__, "loose", str(theirs.fileno()), "touch", "begun"]
    subprocess.run(command, cwd=tmp_path, pass_fds=[theirs.fileno()], check=True)
    theirs.close()
    pid = int(ours.recv(20))
    ours.close()
    assert gone(pid)
    assert not (tmp_path / "begun").exists()
