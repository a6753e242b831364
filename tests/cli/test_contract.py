"""Which contract a verb judges by."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.cli._contract import chosen, is_pipeline, title
from stillwell.errors import StillwellError


def codes(call, *arguments):
    with pytest.raises(StillwellError) as caught:
        call(*arguments)
    return [(one.code, one.fix) for one in caught.value.problems]


def test_it_is_contract_yml_here_unless_another_is_named(here):
    (here / "other.yml").write_text("contract: other\nversion: 1.0.0\nfields:\n  a: {type: string}\n")
    assert title(chosen(None)) == "contract.yml (readings 1.2.0)"
    assert title(chosen(Path("other.yml"))) == "other.yml (other 1.0.0)"


def test_without_any_it_says_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert codes(chosen, None) == [("no-contract", "Name one: --contract FILE.")]
    assert codes(chosen, Path("gone.yml")) == [("unreadable", "Check the path.")]


def test_a_pipeline_is_no_contract_but_names_one(here):
    (here / "a").mkdir()
    pipeline = here / "a" / "pipeline.yml"
    pipeline.write_text("pipeline: p\ncontract: c.yml\n")
    assert codes(chosen, pipeline) == [("not-a-contract", f"Name its contract: {here / 'a' / 'c.yml'}.")]
    pipeline.write_text("pipeline: p\ncontract: {by: $topic}\n")
    assert codes(chosen, pipeline) == [("not-a-contract", "Name its contract.")]
    assert is_pipeline(pipeline)
    assert not is_pipeline(here / "contract.yml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "{", "a", "\0"])
def test_what_is_neither_is_read_as_a_contract_and_refused_as_one(here, text):
    (here / "contract.yml").write_text(text)
    assert codes(chosen, None)
