"""How a verb speaks: colours only where they are wanted, and nothing from outside that could steer a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from stillwell.cli.base import Output, shown
from stillwell.errors import Problem, Where


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Makes a terminal of both streams, when called."""

    def make(**environment):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in {"TERM": "xterm", **environment}.items():
            monkeypatch.setenv(name, value)
        return monkeypatch

    return make


def test_a_terminal_has_colours(terminal):
    terminal()
    assert Output().paint("no", "bad") == "\x1b[31mno\x1b[0m"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_none_has_no_colours(terminal, name, value):
    terminal(**{name: value})
    assert Output().paint("no", "bad") == "no"


def test_a_file_has_neither_colours_nor_a_width(terminal):
    terminal().setattr(sys, "stdout", io.StringIO())
    assert Output().paint("no", "bad") == "no"
    assert Output().width > 1000


def test_the_width_is_that_of_the_terminal(terminal):
    terminal(COLUMNS="72")
    assert Output().width == 72
    terminal(COLUMNS="wide")
    assert Output().width == 80


def test_progress_is_for_terminals_only(terminal):
    patch = terminal()
    Output().progress("10 records")
    assert "10 records" in sys.stderr.getvalue()
    patch.setattr(sys, "stderr", io.StringIO())
    Output().progress("10 records")
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("ä 5 °C", "ä 5 °C"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb", "a\\nb"),
        ("\u202egnp", "\\u202egnp"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text, safe):
    assert shown(text) == safe


def test_a_problem_cannot_bring_its_own_colours(terminal):
    terminal()
    told = Output().problem(Problem("code", "It says \x1b[31m.", "Quote it.", Where("a\x1b]0;x.yml", 3)))
    assert told == "\x1b[31merror[code]\x1b[0m a\\x1b]0;x.yml:3\n  It says \\x1b[31m.\n  → Quote it."


def test_a_warning_is_told_like_an_error_under_its_own_name(terminal):
    terminal(NO_COLOR="1")
    problem = Problem("no-time", "What.", "Fix.", path="time")
    assert Output().problem(problem, "warning") == "warning[no-time] time\n  What.\n  → Fix."


def test_json_is_strict(terminal):
    terminal()
    with pytest.raises(ValueError, match="JSON"):
        Output(json=True).emit("check", {"share": float("nan")})
    assert sys.stdout.getvalue() == ""


def test_json_says_every_character_in_any_encoding(terminal):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal().setattr(sys, "stdout", stream)
    Output(json=True).emit("check", {"text": "≤ 5 °C 😀"})
    assert stream.buffer.getvalue() == b'{"schema": "stillwell.check/1", "text": "\\u2264 5 \\u00b0C \\ud83d\\ude00"}\n'
