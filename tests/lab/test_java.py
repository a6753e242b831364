"""Java and Maven are found, or their absence is one sentence."""

from __future__ import annotations

import pytest

from stillwell.errors import StillwellError
from stillwell.lab import _java


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A Java of its own, which says that it is version 17.0.15."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "release").write_text('IMPLEMENTOR="Us"\nJAVA_VERSION="17.0.15"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path


def problem(call, *arguments):
    with pytest.raises(StillwellError) as caught:
        call(*arguments)
    (found,) = caught.value.problems
    return found


def test_the_java_of_java_home_comes_first(home):
    assert _java.java("Kafka", 17) == home / "bin" / "java"


def test_without_java_home_it_is_the_one_on_the_path(home, monkeypatch):
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert _java.java("Kafka", 17) == home / "bin" / "java"


@pytest.mark.parametrize(("version", "number"), [("11.0.2", 11), ("1.8.0_392", 8)])
def test_an_old_java_is_refused_by_its_version(home, version, number):
    (home / "release").write_text(f'JAVA_VERSION="{version}"\n')
    told = problem(_java.java, "Kafka", 17)
    assert told.code == "missing-java"
    assert f"Java {number}." in told.what


def test_a_java_that_does_not_say_its_version_is_tried(home):
    (home / "release").unlink()
    assert _java.java("Kafka", 17)


def test_no_java_is_one_sentence_that_says_where_it_was_looked_for(home, monkeypatch):
    (home / "bin" / "java").unlink()
    told = problem(_java.java, "Kafka", 17)
    assert (told.code, str(home) in told.what) == ("missing-java", True)
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(home))
    assert "on the path" in problem(_java.java, "Kafka", 17).what
    assert problem(_java.maven, "Kafka").code == "missing-maven"


def test_another_build_has_another_name(home):
    program = home / "bin" / "java"
    (home / "lib").mkdir()
    (home / "lib" / "modules").write_text("classes")
    first = _java.build(program)
    assert first == _java.build(program)
    (home / "lib" / "modules").write_text("other classes")
    assert _java.build(program) != first
