"""What an engine cannot do is refused when a pipeline is planned, and the page about it says the same."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from stillwell._find import find, names
from stillwell.engines import embedded
from stillwell.engines._features import FEATURES
from stillwell.engines.base import Cannot
from stillwell.errors import PipelineError
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from tests.engines.support import page

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "examples" / "sensors" / "pipeline.yml"


@pytest.mark.parametrize("name", names("engines"))
def test_an_engine_says_only_what_there_is_a_name_for(name) -> None:
    assert find("engines", name, "Engine").cannot.keys() <= FEATURES.keys()


def test_the_page_says_what_engines_declare() -> None:
    """If not: `make docs`."""
    assert (ROOT / "docs" / "reference" / "support.md").read_text() == page()


def test_what_is_asked_for_and_cannot_be_is_refused_at_its_line(monkeypatch, tmp_path) -> None:
    class Poor(embedded.Engine):
        cannot: ClassVar = {"spool": Cannot("What cannot be read again is lost here.", "Spool it first.")}

    monkeypatch.setattr(embedded, "Engine", Poor)
    assert plan(load(PIPELINE)).engine.cannot == Poor.cannot
    text = PIPELINE.read_text().replace("contract.yml", str(PIPELINE.with_name("contract.yml")))
    lines = [line for line in text.splitlines() if not line.startswith(("source", " "))] + ["source: stdin"]
    (tmp_path / "pipeline.yml").write_text("\n".join(lines))
    with pytest.raises(PipelineError) as caught:
        plan(load(tmp_path / "pipeline.yml"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path, problem.where.line) == ("not-supported", "source", len(lines))
    assert problem.what == "What cannot be read again is lost here. (engine embedded)"


def test_another_engine_than_the_file_says_can_be_told() -> None:
    pipeline = load(PIPELINE, ["engine.embedded.threads=1"])
    assert pipeline.on(None) is pipeline.on("embedded") is pipeline
    with pytest.raises(PipelineError) as caught:
        plan(pipeline.on("embeded"))
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.where)) == ("unknown-plugin", "--engine")
