"""The oldest libraries, in other time zones and locales, give the same verdicts as the newest, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

OLDEST = ".environments/oldest"


def compared(fuzz, python: str) -> str:
    command = [sys.executable, fuzz / "versions.py", "--drawn", "4", "--records", "60", "--against", python]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[:5000] + run.stderr[-2000:]
    return run.stdout


def test_the_oldest_libraries_say_the_same_of_the_corpus_and_of_drawn_cases(fuzz):
    python = fuzz.parent / OLDEST / "bin" / "python"
    if not (python.parents[1] / ".ready").exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("the environment with the oldest libraries is not there: make .environments/oldest/.ready")
    assert compared(fuzz, str(python)).count(" 0 differ") == 2


def test_other_time_zones_and_locales_say_the_same(fuzz):
    assert compared(fuzz, sys.executable).count(" 0 differ") == 2
