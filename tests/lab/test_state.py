"""What a folder says of its service is read again as it was written, or not at all."""

from __future__ import annotations

import threading

import pytest

from stillwell.lab._process import Process
from stillwell.lab._state import State, alone, known


@pytest.mark.parametrize("process", [None, Process(4711, 815)])
def test_it_comes_back_as_it_went(tmp_path, process):
    state = State(ports={"plain": 40000}, secrets={"password": "hunter2"}, tls=True, process=process)
    assert not known(tmp_path)
    state.write(tmp_path)
    assert State.read(tmp_path) == state
    assert known(tmp_path)


def test_secrets_are_for_this_user_and_for_no_log(tmp_path):
    state = State(secrets={"password": "hunter2"})
    state.write(tmp_path)
    assert (tmp_path / "lab.json").stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in repr(state)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"process": {"pid": 1}}', '{"process": null, "x": 1}'])
def test_what_cannot_be_understood_says_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "lab.json").write_text(content)
    assert State.read(tmp_path) == State()


def test_one_at_a_time(tmp_path):
    order = []

    def second():
        with alone(tmp_path):
            order.append("second")

    with alone(tmp_path / "new"), alone(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
