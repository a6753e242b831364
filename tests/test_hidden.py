"""What Stillwell keeps in a user's folder is not committed, and nothing else there is touched."""

from __future__ import annotations

from stillwell import _hidden


def test_what_is_new_ignores_itself_and_the_rest_is_only_made(tmp_path):
    _hidden.make(tmp_path / "lake" / "state")
    assert not list(tmp_path.rglob(".gitignore"))
    _hidden.make(tmp_path / ".stillwell" / "sensors")
    assert [(path.relative_to(tmp_path), path.read_text()) for path in tmp_path.rglob(".gitignore")] == [
        (_hidden.Path(".stillwell/.gitignore"), "*\n")
    ]


def test_what_somebody_decided_about_it_stays(tmp_path):
    _hidden.make(tmp_path / ".stillwell" / "a")
    (tmp_path / ".stillwell" / ".gitignore").unlink()
    _hidden.make(tmp_path / ".stillwell" / "b")
    assert not (tmp_path / ".stillwell" / ".gitignore").exists()
