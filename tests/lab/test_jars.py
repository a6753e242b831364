"""Jars come whole or not at all, once, for this very pom."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stillwell.errors import StillwellError
from stillwell.lab import _jars
from stillwell.lab._jars import cache, class_path, resolve
from tests.services import needed

PINS = ("org.slf4j:slf4j-simple:1.7.36",)
JARS = {"slf4j-api-1.7.36.jar", "slf4j-simple-1.7.36.jar"}


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A cache with two jars, from which each test has a copy."""
    needed(lambda: _jars.maven("Logging"))
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        resolve("slf4j", PINS, who="Logging")
    return folder


@pytest.fixture(autouse=True)
def own_cache(once, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def fetched(once):
    """A folder of the cache with the jars."""
    shutil.copytree(once, cache().parents[1], dirs_exist_ok=True)
    return cache() / "slf4j"


@pytest.fixture
def no_maven(fetched, monkeypatch):
    """The same, and no Maven any more."""
    monkeypatch.setenv("PATH", str(fetched))
    return fetched


def names():
    return {Path(path).name for path in class_path("slf4j").split(os.pathsep)}


def test_they_are_fetched_once(no_maven):
    assert names() == JARS
    resolve("slf4j", PINS, who="Logging", thorough=True)
    assert not [left.name for left in cache().iterdir() if left.name.endswith(".part")]


def test_no_file_names_where_they_come_from(fetched):
    assert "http" not in (fetched / "pom.xml").read_text()


def cut(folder):
    jar = next((folder / "lib").glob("slf4j-api*"))
    jar.write_bytes(jar.read_bytes()[:-1])


def lost(folder):
    next((folder / "lib").glob("slf4j-api*")).unlink()


def unlisted(folder):
    (folder / "jars.json").write_text("{")


def changed(folder):
    jar = next((folder / "lib").glob("slf4j-api*"))
    jar.write_bytes(jar.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("damage", [cut, lost, unlisted])
def test_damage_is_seen(no_maven, damage):
    damage(no_maven)
    with pytest.raises(StillwellError, match="missing-maven"):
        resolve("slf4j", PINS, who="Logging")


def test_a_changed_byte_is_seen_where_every_byte_is_looked_at(no_maven):
    changed(no_maven)
    resolve("slf4j", PINS, who="Logging")
    with pytest.raises(StillwellError, match="missing-maven"):
        resolve("slf4j", PINS, who="Logging", thorough=True)


def test_other_pins_are_not_what_is_there(no_maven):
    with pytest.raises(StillwellError, match="missing-maven"):
        resolve("slf4j", ("org.slf4j:slf4j-api:1.7.36",), who="Logging")


def test_what_is_damaged_is_fetched_anew_and_what_a_killed_fetch_left_never_counts(fetched):
    shutil.copytree(fetched, fetched.with_name("slf4j.part"))
    (fetched.with_name("slf4j.part") / "lib" / "half.jar").write_text("half")
    changed(fetched)
    lost(fetched)
    (fetched / "lib" / "more.jar").write_text("more")
    resolve("slf4j", PINS, who="Logging")
    assert names() == JARS
    assert not fetched.with_name("slf4j.part").exists()


def test_two_at_once_both_end_well(tmp_path):
    program = (
        f"from stillwell.lab._jars import *; resolve('slf4j', {PINS!r}, who='Logging'); print(class_path('slf4j'))"
    )
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {one.communicate()[0] for one in both}
    assert [one.returncode for one in both] == [0, 0]
    assert said == {class_path("slf4j") + "\n"}
    assert names() == JARS


def test_a_failing_maven_is_one_error_with_what_it_says(tmp_path, monkeypatch):
    # A user's settings that forbid the network, and an empty repository.
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text("<settings><offline>true</offline></settings>")
    monkeypatch.setenv("MAVEN_OPTS", f"-Duser.home={tmp_path}")
    with pytest.raises(StillwellError) as caught:
        resolve("slf4j", PINS, who="Logging")
    (told,) = caught.value.problems
    assert told.code == "unfetchable"
    assert re.search("offline", told.what)
    assert class_path("slf4j") == ""


def test_a_cache_that_cannot_be_written_is_one_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StillwellError, match="unwritable"):
        resolve("slf4j", PINS, who="Logging")
