"""`stillwell run`: what it says, how it is interrupted, stopped and refused, and that it goes on after any of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from confluent_kafka import TopicPartition

from stillwell.kernel.sequence import state
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from tests.cli.conftest import GOOD
from tests.connectors.kafka.stage import admin, create, produce

RUN = [sys.executable, "-c", "from stillwell.cli import main; main()"]

HANGING = """
import time
from stillwell.connectors import jsonl

class Sink(jsonl.Sink):
    def write(self, rows, marks):
        super().write(rows, marks)
        time.sleep(60)
"""


@pytest.fixture
def objects(said):
    """The objects of an output, each checked against its schema, by the names of the schemas."""

    def read(output):
        found = []
        for line in output.splitlines():
            name = re.fullmatch(r"stillwell\.(\w+)/1", json.loads(line)["schema"])[1]
            found.append((name, said(line, name)))
        return found

    return read


@pytest.fixture
def started(here):
    """Starts `stillwell run` as a process of its own, which is killed in the end if it still runs."""
    processes = []

    def start(*arguments, **environment):
        made = subprocess.Popen(
            [*RUN, "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here,
            env=os.environ | environment,
        )  # fmt: skip
        processes.append(made)
        return made

    yield start
    for one in processes:
        one.kill()
        one.communicate()


def tree(folder):
    return {str(path.relative_to(folder)): path.is_dir() or path.read_bytes() for path in folder.rglob("*")}


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_every_record_is_moved_and_it_is_said_so(stream, stillwell):
    here = stream()
    result = stillwell("run", "--quiet")
    assert result.exit_code == 0
    accepted, quarantined = len(rows(here / "accepted.jsonl")), len(rows(here / "quarantine.jsonl"))
    assert accepted + quarantined == 3000
    assert f"read 3,000 = accepted {accepted:,} + quarantined {quarantined:,}   conserved ✓\n3 epochs" in result.stdout


def test_it_goes_on_where_the_last_run_ended(stream, stillwell, objects):
    stream()
    counts = []
    for total in (1000, 1000, 2500):
        result = stillwell("run", "--json", "-q", "--set", f"source.generator.rows={total}")
        counts.append(objects(result.stdout)[-1][1]["read"])
    assert counts == [1000, 0, 1500]
    assert stillwell("audit", "--set", "source.generator.rows=2500").exit_code == 0


def test_with_json_there_is_an_object_an_epoch_and_one_for_the_run(stream, stillwell, objects):
    stream()
    result = stillwell("run", "--json")
    *epochs, (name, last) = objects(result.stdout)
    assert ([kind for kind, _ in epochs], name) == (["epoch"] * 3, "run")
    for part in ("read", "accepted", "quarantined"):
        assert sum(one[part] for _, one in epochs) == last[part]
    assert last["read"] == 3000
    assert sum(one["rules"].get("payload.format", 0) for _, one in epochs) == last["rules"]["payload.format"]
    assert "conserved ✓" in result.stderr


def test_a_plan_says_what_would_be_done_and_neither_writes_nor_creates_anything(stream, stillwell, objects):
    here = stream(accepted="{delta: {path: new/lake}}")
    before = tree(here)
    result = stillwell("run", "--plan", "--json")
    assert result.exit_code == 0
    [(name, plan)] = objects(result.stdout)
    assert name == "plan"
    assert [step.split()[0] for step in plan["steps"]] == ["reads", "judges", "accepts", "rejects", "keeps"]
    assert "3,000 records of 100 sensors" in plan["steps"][0]
    assert str(here / "new" / "lake") in plan["steps"][2]
    assert tree(here) == before
    assert "accepts to   Delta table" in stillwell("run", "--plan").stdout


def test_a_plan_tries_all_doors_at_once(stream, stillwell):
    here = stream(accepted="{jsonl: {path: wall/a}}", quarantine="{jsonl: {path: wall/q}}")
    (here / "wall").write_text("no folder")
    result = stillwell("run", "--plan")
    assert result.exit_code == 3
    assert re.findall(r"error\[(\w+)\] pipeline.yml:(\d)", result.stderr) == [("unwritable", "4"), ("unwritable", "5")]


def test_a_setting_takes_the_place_of_what_the_file_says(stream, stillwell, objects):
    here = stream()
    settings = "--set", "source.generator.rows=40", "--set", "accepted.jsonl.path=other.jsonl"
    assert objects(stillwell("run", "-q", "--json", *settings).stdout)[-1][1]["read"] == 40
    assert (here / "other.jsonl").exists()
    assert not (here / "accepted.jsonl").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("source.generator.rows=many", "error[bad-value] --set source.generator.rows"),
        ("source.generator.row=1", "Did you mean `rows`?"),
        ("epoch", "error[bad-value] --set"),
        ("accepted.jsonl.path=quarantine.jsonl", "error[same-place]"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_written(stream, stillwell, setting, told):
    here = stream()
    before = tree(here)
    result = stillwell("run", "--set", setting)
    assert (result.exit_code, result.stdout) == (3, "pipeline.yml\n")
    assert told in result.stderr
    assert tree(here) == before


def test_without_a_pipeline_it_says_where_to_get_one(here, stillwell):
    result = stillwell("run")
    assert (result.exit_code, "stillwell demo" in result.stderr) == (3, True)


def test_a_rule_of_severity_fail_stops_it_and_the_next_run_goes_on_after_it(stream, stillwell, objects):
    here = stream(source="{files: {path: day.jsonl}}", epoch="{records: 10}")
    hot = [7, 8, 60]
    usual = {"sensor_id": "sensor_001", "timestamp": "2020-01-01T00:00:00Z", "humidity": 50, "pressure": 1000}
    records = [usual | {"temperature": 75 if number in hot else 20} for number in range(100)]
    (here / "day.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    contract = here / "contract.yml"
    contract.write_text(contract.read_text().replace("warn: {max: 70}", "fail: {max: 70}"))
    ends = []
    for _ in range(3):
        result = stillwell("run", "-q", "--json")
        last = objects(result.stdout)[-1][1]
        ends.append((result.exit_code, last["read"], last["stopped"]))
    # The epoch with the record is committed whole, so one stop tells of both records in the first.
    stops = [{"rule": "temperature.fail.range", "partition": 0, "offset": offset} for offset in (7, 60)]
    assert ends == [(1, 10, stops[0]), (1, 60, stops[1]), (0, 30, None)]
    assert len(rows(here / "accepted.jsonl")) == 97
    assert [row["payload"] for row in rows(here / "quarantine.jsonl")] == [json.dumps(records[one]) for one in hot]
    assert stillwell("audit").exit_code == 0


def test_keys_that_had_to_be_forgotten_are_told_and_stand_in_the_ledger(stream, stillwell, objects, monkeypatch):
    monkeypatch.setattr(state, "BLOCK", 500)
    here = stream(limits="{keys: 30}")
    rule = "sequence: {in_order: {kind: order}}\n"
    (here / "contract.yml").write_text((here / "contract.yml").read_text() + rule)
    result = stillwell("run", "--json")
    _, found = objects(result.stdout)[-1]
    intents = plan(load(here / "pipeline.yml")).job.accepted[0].ledger().intents()
    told = [intent.forgotten.get(0, 0) for intent in intents]
    assert found["forgotten"] == sum(told) > 100
    assert len(told) == 3
    assert f"! {found['forgotten']:,} keys had to be forgotten" in result.stderr
    assert stillwell("audit").exit_code == 0


def test_one_interruption_finishes_the_open_epoch(stream, started, stillwell, objects):
    stream(source="{generator: {rate: 2000}}", epoch="{wait: 1h}")
    run = started("--json")
    assert run.stderr.readline() == "pipeline.yml\n"
    for _ in range(3):
        # A line a second: by the third, records of the open epoch have been read.
        assert "waiting for records" in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 0
    assert "finishing the open epoch; once more to end at once" in err
    (_, epoch), (_, last) = objects(out)
    assert (last["interrupted"], last["conserved"], last["epochs"]) == (True, True, 1)
    assert epoch["read"] == last["read"] > 0
    assert stillwell("audit").exit_code == 0


def test_a_second_interruption_ends_it_at_once_and_the_next_run_finishes_the_epoch(stream, started, stillwell, objects):
    here = stream(accepted="{hanging: {path: accepted.jsonl}}", source="{generator: {rows: 100}}")
    (here / "hanging.py").write_text(HANGING)
    (here / "hanging-1.0.dist-info").mkdir()
    (here / "hanging-1.0.dist-info" / "entry_points.txt").write_text("[stillwell.connectors]\nhanging = hanging\n")
    run = started("--quiet", PYTHONPATH=str(here))
    written = here / "accepted.jsonl"
    until(lambda: run.poll() is not None or (written.exists() and written.read_bytes()))
    run.send_signal(signal.SIGINT)
    assert run.stdout.readline() == "pipeline.yml\n"
    assert "once more to end at once" in run.stdout.readline()
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out, err) == (130, "", "")
    assert time.monotonic() - began < 5
    stream(source="{generator: {rows: 150}}")
    assert objects(stillwell("run", "--quiet", "--json").stdout)[-1][1]["conserved"]
    audit = stillwell("audit", "--json")
    assert (audit.exit_code, objects(audit.stdout)[-1][1]["proved"]) == (0, 150)


def test_of_two_runs_at_once_the_second_is_refused(stream, started, stillwell, objects):
    stream(source="{generator: {rate: 2000}}", epoch="{wait: 50ms}")
    first = started("--json", "--quiet")
    assert json.loads(first.stdout.readline())["read"] > 0
    second = stillwell("run", "--json")
    assert second.exit_code == 3
    [(_, problem)] = objects(second.stdout)
    assert (problem["code"], str(first.pid) in problem["what"]) == ("already-running", True)
    assert "error[already-running]" in second.stderr
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert stillwell("audit").exit_code == 0


def test_standard_input_is_spooled_and_can_be_audited(stream, process, stillwell, objects):
    here = stream(source="stdin")
    generate = [*RUN, "generate", "--rows", "2500"]
    with subprocess.Popen(generate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
        result = process("run", "--json", stdin=made.stdout)
    assert (result.returncode, objects(result.stdout)[-1][1]["read"]) == (0, 2500)
    audit = stillwell("audit", "--json")
    assert (audit.exit_code, objects(audit.stdout)[-1][1]["proved"]) == (0, 2500)
    lines = (here / "accepted.jsonl").read_text().splitlines(keepends=True)
    (here / "accepted.jsonl").write_text("".join(lines[:-1]))
    [lost] = objects(stillwell("audit", "--json").stdout)[-1][1]["findings"]
    assert (lost["kind"], lost["offsets"]) == ("lost", [json.loads(lines[-1])["_stillwell"]["offset"]])


@pytest.fixture
def disk(tmp_path):
    """A disk of one MiB at `disk`; gives what sets its size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("sink", ["jsonl", "delta"])
def test_a_full_disk_damages_nothing_and_with_room_the_next_run_goes_on(disk, stream, stillwell, objects, sink):
    records = 40_000
    sinks = {side: f"{{{sink}: {{path: disk/{side}}}}}" for side in ("accepted", "quarantine")}
    here = stream(source=f"{{generator: {{rows: {records}}}}}", epoch="{records: 1500}", state="disk/state", **sinks)
    full = stillwell("run", "--json", "-q", "--set", "limits.patience=0s")
    assert full.exit_code == 3
    *epochs, (name, problem) = objects(full.stdout)
    assert (name, problem["code"], str(here / "disk") in problem["what"]) == ("error", "disk-full", True)
    committed = sum(one["read"] for _, one in epochs)
    assert 0 < committed < records
    held = stillwell("audit", "--json")
    found = objects(held.stdout)[-1][1]
    # The epoch that found no room may be open, or its last commit may have been just done.
    assert (found["holds"], found["proved"] >= committed, held.exit_code) == (True, True, 2 if found["open"] else 0)
    disk("64m")
    assert stillwell("run", "-q").exit_code == 0
    last = stillwell("audit", "--json")
    assert (last.exit_code, objects(last.stdout)[-1][1]["proved"]) == (0, records)


def test_records_that_were_gone_before_they_could_be_read_are_a_warning_of_run_and_audit(
    kafka, topic, stream, stillwell, objects
):
    create(kafka, topic)
    stream(source=json.dumps({"kafka": {"brokers": kafka.address, "topic": topic, "until": "end"}}))
    payloads = [json.dumps(GOOD).encode()] * 10
    produce(kafka, topic, payloads)
    assert stillwell("run", "-q").exit_code == 0
    assert stillwell("audit").exit_code == 0
    produce(kafka, topic, payloads)
    for answer in admin(kafka).delete_records([TopicPartition(topic, 0, 13)]).values():
        answer.result()
    ran = stillwell("run", "-q", "--json")
    assert (ran.exit_code, objects(ran.stdout)[-1][1]["read"]) == (2, 7)
    assert "partition 0, offsets 10 to 12: gone before they could be read" in ran.stderr
    assert stillwell("run", "-q").exit_code == 0
    audit = stillwell("audit", "--json")
    found = objects(audit.stdout)[-1][1]
    assert (audit.exit_code, found["holds"], found["missed"]) == (2, True, 3)
    assert "gone before they could be read: 3 offsets" in audit.stderr
