"""The command as a process of its own: streams that are closed, full or of another encoding, and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import lines

RUN = [sys.executable, "-c", "from stillwell.cli import main; main()"]


@pytest.fixture
def bad(here):
    """A file with one good and one bad record."""
    (here / "day.jsonl").write_text(lines({}, {"t": 99}), encoding="utf-8")
    return here / "day.jsonl"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["check", "--wrong"]])
def test_neither_duckdb_nor_pyarrow_is_loaded_before_a_verb_runs(arguments):
    light = {"--version", "--help"} & set(arguments)
    program = (
        "import sys, stillwell.cli\n"
        f"sys.argv = ['stillwell', *{arguments!r}]\n"
        "try: stillwell.cli.main()\n"
        "except SystemExit: pass\n"
        "print('duckdb' in sys.modules or 'pyarrow' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == str(not light)


def test_the_shell_completes_verbs_and_options_without_loading_a_verb(process):
    asked = {"_STILLWELL_COMPLETE": "complete_bash", "COMP_WORDS": "stillwell ", "COMP_CWORD": "1"}
    offered = process(env=os.environ | asked)
    assert {"check", "lint", "explain", "generate"} <= set(offered.stdout.split())
    asked |= {"COMP_WORDS": "stillwell check --fo", "COMP_CWORD": "2"}
    assert process(env=os.environ | asked).stdout.split() == ["--format"]


def test_the_answer_stands_when_nobody_reads_it_to_the_end(bad):
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run([*RUN, "check", bad], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (result.returncode, result.stderr) == (1, "")


def test_an_endless_stream_ends_when_its_reader_goes_away():
    with subprocess.Popen([*RUN, "generate", "--rows", "1e9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        assert made.stdout.readline().startswith(b"{")
        made.stdout.close()
        assert made.wait(30) == 0
        assert b"error" not in made.stderr.read()


def test_a_process_started_without_stdout_still_answers_by_its_exit_code(bad):
    result = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *RUN, "check", str(bad)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_behind_stdout_is_said_in_the_one_shape(bad):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*RUN, "check", bad], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 3
    assert "error[disk-full]" in result.stderr


def test_neither_locale_nor_time_zone_nor_width_change_an_answer(bad, process):
    def answer(**environment):
        result = process("check", bad, "--as-of", "2026-01-01T00:00:30", "--json", env=os.environ | environment)
        assert result.returncode == 1
        assert "FAILED" in result.stderr
        told = json.loads(result.stdout)
        assert told.pop("seconds") >= 0
        return told

    usual = answer()
    assert answer(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", TZ="America/New_York", COLUMNS="20") == usual
    assert answer(PYTHONIOENCODING="ascii") == usual


def _heeds_interrupts():
    # A shell lets what runs in its background ignore them, and its children with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_code(sent, code):
    command = [*RUN, "generate", "--rate", "10"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_heeds_interrupts,  # noqa: PLW1509
    ) as made:
        made.stdout.readline()
        made.send_signal(sent)
        made.stdout.read()
        assert made.wait(30) == code
        assert b"Traceback" not in made.stderr.read()


def test_standard_input_is_judged_like_a_file(bad, process):
    result = process("check", "-", input=bad.read_text())
    assert result.returncode == 1
    assert "judges standard input · 2 records" in result.stdout
    assert "line 2: saw 99" in result.stdout


def test_a_terminal_gets_colours_and_lines_that_fit_it(bad):
    pty = pytest.importorskip("pty")
    reading, writing = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", "COLUMNS": "60"}
    subprocess.run([*RUN, "check", bad], stdout=writing, stderr=subprocess.DEVNULL, env=environment)
    os.close(writing)
    text = os.read(reading, 100_000).decode()
    os.close(reading)
    assert "\x1b[31mFAILED\x1b[0m" in text
    assert "\r\n    line 2: saw 99, expected -40 … 85\r\n" in text
