"""Services on a laptop: up, down, and nothing that was not started here is touched."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stillwell.cli import _app
from stillwell.lab._process import Process
from stillwell.lab.kafka import Service
from tests.services import needed

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("lab")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The folder of a broker that a command started, in a process that has ended."""
    needed(Service.fetch)
    folder = tmp_path_factory.mktemp("with blank") / "it's a lab"
    command(folder, "up", "kafka", "--tls")
    yield folder
    command(folder, "down")


def command(folder, *arguments):
    program = [sys.executable, "-c", "from stillwell.cli import main; main()", "lab", *arguments, "--folder", folder]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)


def test_what_runs_is_told_and_outlives_its_command(broker, stillwell, said):
    shown = stillwell("lab", "status", "--folder", broker, "--json")
    assert shown.exit_code == 0
    (told,) = said(shown.stdout, "lab")["services"]
    assert (told["service"], told["state"]) == ("kafka", "answers")
    assert set(told["addresses"]) == {"plain", "tls", "mtls", "scram"}
    assert Process.of(told["process"])
    assert "Apache Kafka 4.3.1  answers\n  plain    127.0.0.1:" in shown.stderr


def test_up_again_says_that_it_runs_and_leaves_it(broker, stillwell, said):
    before = said(stillwell("lab", "status", "--folder", broker, "--json").stdout, "lab")
    again = stillwell("lab", "up", "kafka", "--folder", broker, "--json")
    assert again.exit_code == 0
    assert f"runs already, as process {before['services'][0]['process']}" in again.stderr
    assert said(again.stdout, "lab") == before


def test_a_shell_takes_its_variables(broker, stillwell, said):
    shown = stillwell("lab", "env", "--folder", broker)
    variables = said(stillwell("lab", "env", "--folder", broker, "--json").stdout, "lab-env")["variables"]
    assert variables["BROKERS"] == variables["STILLWELL_KAFKA"]
    script = (
        shown.stdout
        + '\ncat "$STILLWELL_KAFKA_CA" "$STILLWELL_KAFKA_CERTIFICATE" "$STILLWELL_KAFKA_KEY"; printf "\\0"; env -0'
    )
    ran = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True, env={})
    assert ran.stdout.count("-----BEGIN CERTIFICATE-----") == 2
    assert ran.stdout.count("-----BEGIN PRIVATE KEY-----") == 1
    assert set(variables.items()) <= {tuple(line.split("=", 1)) for line in ran.stdout.split("\0") if "=" in line}


def test_passwords_are_told_by_env_alone(broker, stillwell):
    password = Service(broker / "kafka").password
    for verb in (["status"], ["status", "--json"], ["up", "kafka"], ["logs", "kafka"]):
        shown = stillwell("lab", *verb, "--folder", broker)
        assert password not in shown.output
    assert password in stillwell("lab", "env", "--folder", broker).stdout


def test_a_log_is_shown_and_followed_until_the_end(broker, stillwell, tmp_path):
    whole = (broker / "kafka" / "kafka.log").read_text().splitlines()
    assert stillwell("lab", "logs", "kafka", "--folder", broker).stdout.splitlines() == whole[-100:]
    assert stillwell("lab", "logs", "kafka", "-n", 1, "--folder", broker).stdout.splitlines() == whole[-1:]
    service = Service(tmp_path / "kafka")
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        service.folder.mkdir()
        service.log.write_text("first\n")
        service.state.process = Process.of(sleeper.pid)
        service.state.write(service.folder)
        program = [sys.executable, "-c", "from stillwell.cli import main; main()", "lab", "logs", "kafka", "-f"]
        with subprocess.Popen([*program, "--folder", tmp_path], stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout.readline() == "first\n"
            with service.log.open("a") as log:
                log.write("second\n")
            assert following.stdout.readline() == "second\n"
            sleeper.kill()
            sleeper.wait()
            assert following.stdout.read() == ""
            assert following.wait(10) == 0


def test_tls_is_not_added_to_what_runs_and_comes_with_the_next_start(here, stillwell, said):
    needed(Service.fetch)
    try:
        first = said(stillwell("lab", "up", "kafka", "--json").stdout, "lab")["services"][0]
        assert set(first["addresses"]) == {"plain"}
        refused = stillwell("lab", "up", "kafka", "--tls", "--json")
        assert (refused.exit_code, said(refused.stdout, "error")["code"]) == (3, "already-running")
        os.kill(first["process"], signal.SIGKILL)
        while Process.of(first["process"]):
            time.sleep(0.01)
        ended = stillwell("lab", "status", "--json")
        assert (ended.exit_code, said(ended.stdout, "lab")["services"][0]["state"]) == (1, "ended")
        assert stillwell("lab", "env").exit_code == 3
        again = said(stillwell("lab", "up", "kafka", "--tls", "--json").stdout, "lab")["services"][0]
        assert again["addresses"]["plain"] == first["addresses"]["plain"]
        assert "scram" in again["addresses"]
        assert stillwell("lab", "down").exit_code == 0
        # Once it had certificates, others rely on them.
        third = said(stillwell("lab", "up", "kafka", "--json").stdout, "lab")["services"][0]
        assert third["addresses"] == again["addresses"]
    finally:
        stopped = stillwell("lab", "down", "--remove", "--json")
    (told,) = said(stopped.stdout, "lab")["services"]
    assert (told["state"], told["process"], told["addresses"]) == ("stopped", None, {})
    assert "is stopped, and its folder is gone" in stopped.stderr
    assert not Process.of(again["process"])
    assert not (here / ".stillwell" / "lab" / "kafka").exists()


def test_down_never_ends_a_stranger_who_got_the_number(here, stillwell):
    service = Service(here / ".stillwell" / "lab" / "kafka")
    service.folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        service.state.process = Process(stranger.pid, Process.of(stranger.pid).started - 1)
        service.state.write(service.folder)
        assert stillwell("lab", "status").exit_code == 1
        down = stillwell("lab", "down")
        assert (down.exit_code, "did not run" in down.stdout) == (0, True)
        assert stranger.poll() is None
        stranger.kill()
    assert "stopped" in stillwell("lab", "status").stdout


def test_down_removes_nothing_that_is_not_asked_for(here, stillwell):
    (here / "mine").write_text("")
    down = stillwell("lab", "down", "--remove")
    assert (down.exit_code, down.stdout) == (0, "Nothing was started in .stillwell/lab.\n")
    assert [path.name for path in here.iterdir() if path.name != "contract.yml"] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["up", "kafak"], "unknown-service", "Did you mean `kafka`?"),
        (["fetch", "casandra"], "unknown-service", "Known: flink, kafka, spark."),
        (["down", "kafka"], "not-running", "stillwell lab up kafka, or name its --folder."),
        (["logs", "kafka"], "not-running", "was never started in .stillwell/lab."),
        (["env"], "not-running", "→ stillwell lab up NAME"),
        (["env", "--folder", "a b"], "not-running", "→ stillwell lab up NAME --folder 'a b'"),
        (["pu"], "usage", "Did you mean `lab up`?"),
        (["up"], "usage", "See `stillwell lab up --help`."),
    ],
)
def test_what_cannot_be_done_is_one_error(here, stillwell, arguments, code, told):
    shown = stillwell("lab", *arguments)
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert f"error[{code}]" in shown.stderr
    assert told in shown.stderr


@pytest.mark.parametrize(("missing", "code"), [("java", "missing-java"), ("mvn", "missing-maven")])
def test_what_is_not_installed_is_one_error(here, stillwell, monkeypatch, missing, code):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == missing else f"/opt/{name}")
    shown = stillwell("lab", "up", "kafka", "--json")
    assert shown.exit_code == 3
    assert json.loads(shown.stdout)["code"] == code
    assert not (here / ".stillwell" / "lab" / "kafka" / "lab.json").exists()


@pytest.mark.parametrize(("library", "extra"), [("confluent_kafka", "kafka"), ("cryptography", "lab")])
def test_a_library_that_is_not_installed_is_one_error(here, library, extra):
    needed(Service.fetch)
    program = f"import sys; sys.modules[{library!r}] = None; from stillwell.cli import main; main()"
    command = [sys.executable, "-c", program, "lab", "up", "kafka", "--tls"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert f"which is not installed.\n  → pip install 'stillwell[{extra}]'" in ran.stderr


def test_what_is_fetched_already_is_fetched_offline(stillwell, monkeypatch):
    needed(Service.fetch)
    monkeypatch.setattr("stillwell.lab._jars.subprocess", None)  # nothing can be run to fetch it
    shown = stillwell("lab", "fetch", "kafka")
    assert (shown.exit_code, shown.stdout) == (0, "Apache Kafka 4.3.1 is here.\n")


def test_its_verbs_stand_in_its_help_and_each_has_its_own(stillwell):
    shown = stillwell("lab", "--help").stdout
    verbs = _app.command("lab").commands
    assert [shown.index(f"\n  {name} ") for name in verbs] == sorted(shown.index(f"\n  {name} ") for name in verbs)
    for name in verbs:
        own = stillwell("lab", name, "--help")
        assert own.exit_code == 0
        options, _, examples = own.stdout.partition("Examples:")
        assert f"stillwell lab {name}" in examples
        assert max(map(len, options.splitlines())) <= 80


def test_no_verb_of_it_shows_its_help(stillwell):
    shown = stillwell("lab")
    assert (shown.exit_code, shown.stdout) == (3, "")
    assert "verbs:" in shown.stderr


def test_the_page_names_its_variables_and_verbs(broker):
    page = (ROOT / "docs" / "lab.md").read_text()
    assert set(re.findall(r"`(BROKERS|STILLWELL_\w+)`", page)) == set(Service(broker / "kafka").variables())
    assert set(re.findall(r"stillwell lab (\w+)", page)) == set(_app.command("lab").commands)
