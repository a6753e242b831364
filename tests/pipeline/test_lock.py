"""One run at a time, across processes; a killed one is no obstacle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stillwell.errors import ConnectorError, PipelineError
from stillwell.pipeline.lock import run_lock, still

HOLD = """
import sys, time
from pathlib import Path
from stillwell.pipeline.lock import run_lock
with run_lock("p", Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A second process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_which_process_holds_it(tmp_path, holder) -> None:
    with pytest.raises(PipelineError) as caught, run_lock("p", tmp_path):
        pytest.fail("both hold the lock")
    [problem] = caught.value.problems
    assert problem.code == "already-running"
    assert f"process {holder.pid}." in problem.what


def test_a_killed_run_lets_go(tmp_path, holder) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run_lock("p", tmp_path):
        assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_can_be_taken_again_and_after_an_error(tmp_path) -> None:
    state = tmp_path / "not" / "there"
    with pytest.raises(ValueError, match="of its own"), run_lock("p", state):
        raise ValueError("of its own")
    with run_lock("p", state), pytest.raises(PipelineError), run_lock("p", state):
        pytest.fail("both hold the lock")
    assert (state / "run.lock").read_text() == ""


def test_a_state_folder_that_cannot_be_is_one_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectorError) as caught, run_lock("p", Path(tmp_path / "file" / "state")):
        pytest.fail("there is no such folder")
    assert [problem.code for problem in caught.value.problems] == ["unwritable"]


def test_runs_that_share_a_source_run_together_and_neither_alone_nor_audited(tmp_path) -> None:
    with run_lock("p", tmp_path, shared=True), run_lock("p", tmp_path, shared=True):
        with pytest.raises(PipelineError, match="runs already"), run_lock("p", tmp_path):
            pass
        with pytest.raises(PipelineError, match="stop that process or wait until it ends"), still("p", tmp_path):
            pass
    with run_lock("p", tmp_path), pytest.raises(PipelineError, match="runs already"):
        run_lock("p", tmp_path, shared=True).__enter__()
