"""The frame: every verb is found by its file, and every end has its exit code."""

from __future__ import annotations

import importlib
import json
import re

import pytest

import stillwell.cli
from stillwell.cli import _app
from stillwell.cli.base import GROUPS, Outcome
from stillwell.errors import Problem, StillwellError

NEW = '''
"""Turns something over."""

from stillwell.cli.base import Json, Outcome, Output

PLACE = ("contract", 99)
EXAMPLES = ("stillwell turnover",)


def turnover(what: str = "end", json: Json = False) -> Outcome:
    """Turn something over, and over."""
    return ends[what](Output(json=json))
'''


@pytest.fixture
def ends(tmp_path, monkeypatch):
    """A verb `turnover`, added as one file; gives what it does by the value of its option `--what`."""
    folder = tmp_path / "verbs"
    folder.mkdir()
    (folder / "turnover.py").write_text(NEW)
    monkeypatch.setattr(stillwell.cli, "__path__", [*stillwell.cli.__path__, str(folder)])
    importlib.invalidate_caches()
    module = importlib.import_module("stillwell.cli.turnover")
    module.ends = {}
    monkeypatch.chdir(tmp_path)
    yield module.ends
    del stillwell.cli.turnover
    del importlib.sys.modules["stillwell.cli.turnover"]


def test_a_new_file_is_a_new_verb_with_help_and_examples(ends, stillwell):
    ends["end"] = lambda output: Outcome.YES
    assert re.search(r"\n  turnover +Turns something over\.\n", stillwell("--help").stdout)
    shown = stillwell("turnover", "--help").stdout
    assert "Turn something over, and over." in shown
    assert "Examples:\n    stillwell turnover\n" in shown
    assert stillwell("turnover").exit_code == 0


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_a_verb_returns_is_the_exit_code(ends, stillwell, outcome):
    ends["end"] = lambda output: outcome
    assert stillwell("turnover").exit_code == outcome


def test_every_verb_has_a_place_a_purpose_and_examples_of_its_own():
    for name in _app.verbs():
        verb, module = _app.described(name), importlib.import_module(f"stillwell.cli.{name}")
        assert verb.group in GROUPS
        assert verb.purpose.endswith(".")
        assert (verb.group, verb.rank) == module.PLACE
        assert module.EXAMPLES
        assert all(f"stillwell {name}" in line for line in module.EXAMPLES)
    places = [(_app.described(name).group, _app.described(name).rank) for name in _app.verbs()]
    assert len(set(places)) == len(places)


def test_each_verb_explains_itself_within_80_columns(stillwell):
    for name in _app.verbs():
        shown = stillwell(name, "--help")
        assert shown.exit_code == 0
        options, _, examples = shown.stdout.partition("Examples:")
        assert examples
        assert max(map(len, options.splitlines())) <= 80


def test_groups_and_verbs_stand_in_the_order_of_the_design(stillwell):
    shown = stillwell("--help").stdout
    places = [shown.index(f"\n{group}:\n") for group in GROUPS if f"\n{group}:\n" in shown]
    assert places == sorted(places)
    assert (
        shown.index("\n  check ") < shown.index("\n  lint ") < shown.index("\n  explain ") < shown.index("\n  generate")
    )


def test_no_verb_is_a_usage_error_that_shows_the_help(stillwell):
    result = stillwell()
    assert (result.exit_code, result.stdout) == (3, "")
    assert "start:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chek"], "There is no verb `chek`.\n  → Did you mean `check`?"),
        (["--verison"], "No such option: --verison.\n  → Did you mean `--version`?"),
        (["check"], "Missing argument 'DATA'.\n  → See `stillwell check --help`."),
        (["check", "x", "--samples", "many"], "error[usage] stillwell check"),
        (["check", "x", "--format", "xml"], "error[usage] stillwell check"),
        (["check", "x", "--tolerat", "1%"], "→ Did you mean `--tolerate`?"),
    ],
)
def test_usage_errors_are_one_problem_and_exit_3(stillwell, arguments, told):
    result = stillwell(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert told in result.stderr


def test_usage_errors_too_are_json_where_json_was_asked_for(stillwell, said):
    result = stillwell("check", "--json", "--wrong")
    assert result.exit_code == 3
    assert said(result.stdout, "error")["code"] == "usage"


def test_every_problem_is_told_in_the_one_shape(ends, stillwell):
    def broken(output):
        raise StillwellError([Problem("a", "This.", "Do that.", path="x"), Problem("b", "Those.", "Do.")])

    ends["end"] = broken
    plain = stillwell("turnover")
    assert (plain.exit_code, plain.stdout) == (3, "")
    assert plain.stderr == "error[a] x\n  This.\n  → Do that.\nerror[b]\n  Those.\n  → Do.\n"
    told = [json.loads(line) for line in stillwell("turnover", "--json").stdout.splitlines()]
    assert [(one["schema"], one["code"]) for one in told] == [("stillwell.error/1", "a"), ("stillwell.error/1", "b")]


def test_a_crash_exits_3_and_leaves_a_file_without_the_data(ends, stillwell, tmp_path):
    def crash(output):
        raise ValueError("the password is hunter2")

    ends["end"] = crash
    result = stillwell("turnover", "--what=end")
    assert result.exit_code == 3
    assert "error[internal]" in result.stderr
    assert "hunter2" not in result.output
    (left,) = tmp_path.glob("stillwell-crash-*.txt")
    assert left.name in result.stderr
    assert "builtins.ValueError" in left.read_text()
    assert "turnover --what\n" in left.read_text()
    assert "hunter2" not in left.read_text()


def test_an_interruption_exits_130(ends, stillwell):
    def interrupted(output):
        raise KeyboardInterrupt

    ends["end"] = interrupted
    assert stillwell("turnover").exit_code == 130


def test_a_reader_that_went_away_is_no_error(ends, stillwell):
    def written(output):
        raise BrokenPipeError

    ends["end"] = written
    result = stillwell("turnover")
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_goes_to_stdout_and_text_to_stderr(ends, stillwell):
    def spoken(output):
        output.say("for people")
        output.emit("turnover", {"a": "é"})
        return Outcome.YES

    ends["end"] = spoken
    assert stillwell("turnover").stdout == "for people\n"
    both = stillwell("turnover", "--json")
    assert json.loads(both.stdout) == {"schema": "stillwell.turnover/1", "a": "é"}
    assert both.stderr == "for people\n"
