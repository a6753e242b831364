"""The life of any service: it starts where nobody else listens, comes back as it was, and is ended by its own alone."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stillwell.errors import StillwellError
from stillwell.lab._ports import HOST, reserve
from stillwell.lab._process import Process
from stillwell.lab._state import State
from tests.lab.echo import Echo


@contextlib.contextmanager
def listener(port=0):
    """Somebody else, who listens and says nothing."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((HOST, port))
        server.listen()
        yield server.getsockname()[1]


def problem(call, *arguments):
    with pytest.raises(StillwellError) as caught:
        call(*arguments)
    (found,) = caught.value.problems
    return found


@pytest.fixture
def loose(tmp_path):
    """A service that was started to outlive its starter."""
    service = Echo(tmp_path)
    service.start(loose=True)
    yield service
    Echo(tmp_path).stop()


def test_it_runs_while_the_block_lasts(tmp_path):
    with Echo(tmp_path) as service:
        assert service.answers()
        process = service.process
        assert Process.of(process.pid) == process
    assert not process.alive
    assert not service.answers()
    assert State.read(tmp_path).process is None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_comes_back_at_the_same_ports_with_the_same_secrets(tmp_path, end):
    with Echo(tmp_path) as service:
        before = service.state
        getattr(service, end)()
        assert not service.answers()
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind((HOST, before.ports["plain"]))
        service.start()
        assert service.answers()
        assert (service.state.ports, service.state.secrets) == (before.ports, before.secrets)
        assert service.state.process != before.process


def test_it_stands_still_and_goes_on(tmp_path):
    with Echo(tmp_path) as service:
        service.pause()
        assert not service.answers()
        service.resume()
        assert service.answers()
        service.pause()  # what stands still ends like any other
    assert service.process is None
    assert problem(service.pause).code == "not-running"


def test_a_port_that_somebody_took_in_the_meantime_is_left_to_him(tmp_path, monkeypatch):
    taken = []

    def reserved(roles, wished):
        found = reserve(roles, wished)
        if not taken:
            taken.append(found["plain"].getsockname()[1])
            closing.enter_context(listener(taken[0]))
        return found

    monkeypatch.setattr("stillwell.lab.base.reserve", reserved)
    with contextlib.ExitStack() as closing, Echo(tmp_path) as service:
        assert service.answers()
        assert service.state.ports["plain"] not in taken
        assert (tmp_path / "starts").read_text() == "xx"


def test_a_port_that_was_told_is_never_changed(tmp_path, monkeypatch):
    with Echo(tmp_path) as service:
        service.stop()
        with listener(service.state.ports["plain"]):
            told = problem(service.start)
        assert told.code == "not-started"
        assert "Address already in use" in told.what
        service.start()
        assert service.answers()


def test_it_does_not_start_what_ends_at_once_again_and_again(tmp_path):
    told = problem(Echo(tmp_path, settings={"fails": ""}).__enter__)
    assert (told.code, "the disk is on fire" in told.what) == ("not-started", True)
    assert len((tmp_path / "starts").read_text()) == 1
    assert str(tmp_path / "echo.log") in told.fix
    assert State.read(tmp_path).process is None


def test_it_gives_up_on_what_never_answers_and_leaves_nothing(tmp_path):
    service = Echo(tmp_path, settings={"after": "60"})
    service.patience = 0.3
    assert problem(service.__enter__).code == "not-started"
    assert service.state.process is None


def test_an_interrupted_start_leaves_nothing(tmp_path, monkeypatch):
    seen = []

    def interrupted(service):
        seen.append(service.process)
        raise KeyboardInterrupt

    monkeypatch.setattr(Echo, "answers", interrupted)
    with pytest.raises(KeyboardInterrupt), Echo(tmp_path):
        pass
    assert not seen[0].alive


def test_two_of_one_folder_are_refused(tmp_path):
    with Echo(tmp_path) as service:
        told = problem(Echo(tmp_path).start)
        assert (told.code, str(service.process.pid) in told.what) == ("already-running", True)


def test_of_two_that_start_at_once_one_wins(tmp_path):
    both = [Echo(tmp_path, settings={"after": "0.3"}) for _ in range(2)]
    lost = []

    def start(service):
        try:
            service.start()
        except StillwellError as error:
            lost.append(error.problems[0].code)

    threads = [threading.Thread(target=start, args=[service]) for service in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == ["already-running"]
    assert (tmp_path / "starts").read_text() == "x"
    for service in both:
        service.close()


def test_a_loose_one_is_found_and_stopped_by_its_folder(loose, tmp_path):
    found = Echo(tmp_path)
    assert found.process == loose.process
    assert found.answers()
    found.stop()
    assert not loose.process
    assert State.read(tmp_path).process is None


def test_a_loose_one_outlives_who_started_it(tmp_path):
    program = (
        f"from pathlib import Path; from tests.lab.echo import Echo; Echo(Path({str(tmp_path)!r})).start(loose=True)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)
    service = Echo(tmp_path)
    try:
        assert service.answers()
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind((HOST, service.state.ports["plain"]))
    finally:
        service.stop()


def test_a_loose_one_keeps_its_ports_over_a_stop_where_nobody_took_them(loose, tmp_path):
    before = State.read(tmp_path)
    for same in (True, False):
        loose.stop()
        with contextlib.ExitStack() as closing:
            if not same:
                closing.enter_context(listener(before.ports["plain"]))
            again = Echo(tmp_path)
            again.start(loose=True)
            assert again.answers()
            assert (again.state.ports == before.ports) is same
            assert again.state.secrets == before.secrets
            loose = again


def test_what_has_the_number_of_a_dead_one_is_a_stranger(loose, tmp_path):
    process = loose.process
    process.signal(signal.SIGKILL, wait=5)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        state = State.read(tmp_path)
        assert state.process == process
        state.process = Process(stranger.pid, process.started)
        state.write(tmp_path)
        service = Echo(tmp_path)
        assert service.process is None
        service.stop()
        service.kill()
        assert stranger.poll() is None
        service.start(loose=True)
        assert service.answers()
        stranger.kill()


def test_a_secret_is_written_down_before_anything_is_made_with_it(tmp_path, monkeypatch):
    seen = []

    def prepare(service):
        seen.append(service.secret("word"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Echo, "prepare", prepare)
        with pytest.raises(KeyboardInterrupt), Echo(tmp_path):
            pass
    with Echo(tmp_path) as service:
        assert service.secret("word") == seen[0]
        assert service.secret("other") != seen[0]


def test_tls_brings_certificates_once(tmp_path):
    with Echo(tmp_path, tls=True) as service:
        assert service.state.tls
        before = {path.name: path.read_bytes() for path in (tmp_path / "tls").iterdir()}
        service.stop()
        service.start()
        assert before == {path.name: path.read_bytes() for path in (tmp_path / "tls").iterdir()}
    with Echo(tmp_path) as service:
        assert service.state.tls  # whoever was told of them relies on them
