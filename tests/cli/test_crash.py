"""What a crash leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.cli import _crash


def failed(error):
    """The error as it is caught: with the place where it was raised."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_it_names_every_exception_on_the_way_but_none_of_their_messages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = failed(KeyError("a value"))
    outer = failed(RuntimeError("a secret"))
    outer.__cause__ = inner
    problem = _crash.crash(outer, ["check", "customers.csv", "--delimiter", ";"])
    (left,) = tmp_path.iterdir()
    text = left.read_text()
    assert left.name in problem.fix
    assert "builtins.RuntimeError" in text
    assert "builtins.KeyError" in text
    assert "test_crash.py:" in text
    assert not any(word in text for word in ("a value", "a secret", "customers", ";"))


def test_it_goes_elsewhere_when_the_folder_cannot_be_written(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(_crash.tempfile, "gettempdir", lambda: str(tmp_path))
    problem = _crash.crash(failed(ValueError()), [])
    (left,) = tmp_path.iterdir()
    assert str(left) in problem.fix


def test_without_any_place_to_write_it_says_how_to_see_the_crash(monkeypatch):
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    assert "STILLWELL_TRACEBACK=1" in _crash.crash(failed(ValueError()), []).fix


def test_the_whole_exception_is_shown_to_who_asks_for_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLWELL_TRACEBACK", "1")
    _crash.crash(failed(ValueError("what it was")), [])
    assert "ValueError: what it was" in capsys.readouterr().err
