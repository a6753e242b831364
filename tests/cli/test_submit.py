"""`stillwell submit`: what is handed to spark-submit, and how it ends; a stand-in only writes down what it was told."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def submitted(here, monkeypatch):
    """A Spark whose spark-submit writes down its words; gives what was written, and sets how it ends."""
    (here / "pipeline.yml").write_text(
        "pipeline: p\ncontract: contract.yml\nsource: {generator: {rows: 5}}\n"
        "accepted: {jsonl: {path: a}}\nquarantine: {jsonl: {path: q}}\n"
    )
    (here / "bin").mkdir()
    (here / "bin" / "spark-class").touch()
    script = here / "bin" / "spark-submit"
    script.write_text(
        "#!/usr/bin/env python3\nimport json, os, sys\n"
        "json.dump(sys.argv[1:], open('said.json', 'w'))\nsys.exit(int(os.environ['ENDS']))\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("SPARK_HOME", str(here))
    monkeypatch.setenv("ENDS", "0")
    return lambda: json.loads((here / "said.json").read_text())


@pytest.fixture(autouse=True)
def spark_is_there(monkeypatch):
    """Planning asks for pyspark, which these tests do not use."""
    monkeypatch.setattr("stillwell.engines.spark.engine.need", lambda *_, **__: None)


def test_the_command_of_a_run_is_submitted_with_what_was_told(here, stillwell, submitted) -> None:
    result = stillwell(
        "submit", "--master", "spark://h:7077", "--conf", "spark.cores.max=8", "--set", "source.generator.rows=7"
    )
    assert result.exit_code == 0
    words = submitted()
    assert words[:4] == ["--master", "spark://h:7077", "--conf", "spark.cores.max=8"]
    assert words[4].endswith("stillwell/cli/__main__.py")
    assert words[5:] == ["run", "pipeline.yml", "--engine", "spark", "--set", "source.generator.rows=7"]


@pytest.mark.parametrize(("ends", "code"), [("1", 1), ("3", 3), ("137", 3)])
def test_it_ends_as_the_run_does(monkeypatch, stillwell, submitted, ends, code) -> None:
    monkeypatch.setenv("ENDS", ends)
    assert stillwell("submit").exit_code == code


def test_what_cannot_be_is_refused_before_anything_is_submitted(here, stillwell, submitted) -> None:
    result = stillwell("submit", "--set", "source=stdin")
    assert result.exit_code == 3
    assert not (here / "said.json").exists()


def test_a_folder_that_is_no_spark_is_refused(monkeypatch, here, stillwell, submitted) -> None:
    monkeypatch.setenv("SPARK_HOME", str(here / "nothing"))
    assert stillwell("submit").exit_code == 3
