"""What verbs about pipelines share: which file is meant, how a run is interrupted, and how it is summed up."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stillwell.cli._pipeline import interruptible, planned, say_summary, summed, watched
from stillwell.cli.base import Output
from stillwell.engines.base import Summary
from stillwell.errors import StillwellError
from stillwell.kernel.base import Stop

ENDED = Summary(
    read=1234, accepted=1200, quarantined=34, warned=5, repaired=6, epochs=2, recovered=0, seconds=0.5, tally=None,
    stopped=None, interrupted=False,
)  # fmt: skip

TWICE = """
import signal, threading, time
from stillwell.cli._pipeline import interruptible
from stillwell.cli.base import Output
# A thread that nothing can hurry, as a sink that hangs would be.
threading.Thread(target=time.sleep, args=(60,)).start()
with interruptible(Output()):
    signal.raise_signal(signal.{first})
    print("still here", flush=True)
    signal.raise_signal(signal.{second})
    print("not any more", flush=True)
"""


def test_a_file_its_folder_or_the_one_here_is_meant(stream, monkeypatch, capsys):
    here = stream()
    for named in (Path("pipeline.yml"), Path(), here, None):
        assert planned(named, (), Output()).pipeline.name == "sensors"
    assert capsys.readouterr().out == "pipeline.yml\n"


def test_where_there_is_none_the_demo_is_offered(here):
    with pytest.raises(StillwellError) as caught:
        planned(None, (), Output())
    [problem] = caught.value.problems
    assert problem.code == "no-pipeline"
    assert "stillwell demo" in problem.fix


def test_a_setting_takes_the_place_of_what_the_file_says(stream):
    stream()
    made = planned(None, ["epoch.records=7"], Output())
    assert made.job.epoch.records == 7


def test_a_warning_of_the_plan_is_said(stream, capsys):
    contract = stream() / "contract.yml"
    contract.write_text(contract.read_text().replace("version: 1.0.0", "version: 1.0.0\nstatus: deprecated"))
    planned(None, (), Output())
    assert "warning  pipeline.yml:2" in capsys.readouterr().out


def test_keys_that_had_to_be_forgotten_are_told(capsys):
    say_summary(dataclasses.replace(ENDED, forgotten=1200), Output())
    assert "! 1,200 keys had to be forgotten" in capsys.readouterr().out
    assert summed(dataclasses.replace(ENDED, forgotten=7))["forgotten"] == 7
    say_summary(ENDED, Output())
    assert "forgotten" not in capsys.readouterr().out


def test_a_run_is_watched_epoch_by_epoch(stream):
    stream()
    seen = []
    summary = watched(planned(None, (), Output()), Output(), quiet=True, watch=seen.append)
    assert [one.judged.read for one in seen] == [1000] * 3
    assert summary.read == 3000


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interruption_only_asks(sent, capsys):
    before = signal.getsignal(sent)
    with interruptible(Output()) as stop:
        assert not stop.is_set()
        signal.raise_signal(sent)
        assert stop.is_set()
    assert signal.getsignal(sent) is before
    assert "finishing the open epoch; once more to end at once" in capsys.readouterr().out


@pytest.mark.parametrize(("first", "second", "code"), [("SIGINT", "SIGTERM", 143), ("SIGTERM", "SIGINT", 130)])
def test_the_second_one_ends_it_at_once_whatever_still_goes_on(first, second, code):
    command = [sys.executable, "-c", TWICE.format(first=first, second=second)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert result.returncode == code
    assert result.stdout.splitlines()[-1] == "still here"
    assert result.stderr == ""


def test_a_summary_is_plain_data_with_the_worst_rule_first(epochs, stream):
    stream()
    summary = watched(planned(None, (), Output()), Output(), quiet=True)
    plain = summed(summary)
    counts = list(plain["rules"].values())
    assert counts == sorted(counts, reverse=True)
    assert plain["rules"] == summary.tally.failures()
    assert (plain["read"], plain["conserved"], plain["stopped"]) == (3000, True, None)
    assert summed(ENDED)["rules"] == {}


def test_the_closing_lines_say_whether_it_adds_up(capsys):
    say_summary(ENDED, Output())
    rule, counts, rest = capsys.readouterr().out.splitlines()
    assert rule == "─" * 80
    assert counts == "read 1,234 = accepted 1,200 + quarantined 34   conserved ✓"
    assert rest == "2 epochs · warned 5 · repaired 6 · 0.5 s · 2,468 records/s"
    say_summary(dataclasses.replace(ENDED, accepted=1199), Output())
    assert "NOT CONSERVED ✗" in capsys.readouterr().out


def test_the_closing_lines_say_what_was_finished_and_what_stopped_it(capsys):
    say_summary(dataclasses.replace(ENDED, recovered=1, stopped=Stop("t.fail.range", 3, 12345)), Output())
    text = capsys.readouterr().out
    assert "1 epoch of an earlier run finished" in text
    assert "stopped by t.fail.range, partition 3 offset 12,345: that record is quarantined" in text
