"""`stillwell init`: two files that run as they are written, and nothing that was there is lost."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.contract.load import load
from stillwell.errors import PipelineError, Problem
from stillwell.pipeline.plan import Plan
from tests.cli.conftest import ROOT
from tests.cli.test_suggest import CITIES

ROWS = [dict(zip(("city", "zip", "temp"), line.split(","), strict=True)) for line in CITIES.splitlines()[1:]]


@pytest.fixture
def folder(here):
    (here / "contract.yml").unlink()
    (here / "day.csv").write_text(CITIES)
    return here


def runs(stillwell, said):
    result = stillwell("run", "--quiet", "--json")
    assert result.exit_code == 0, result.stderr
    found = said(result.stdout, "run")
    assert found["conserved"]
    return found["read"], found["accepted"]


def test_both_files_are_written_and_what_to_do_next_is_said(folder, stillwell, said):
    result = stillwell("init", "day.csv")
    assert result.exit_code == 0
    assert "400 records, 3 columns: " in result.stdout
    assert "stillwell check day.csv" in result.stdout
    assert "stillwell run" in result.stdout
    assert load("contract.yml").name == "day"
    assert stillwell("lint").exit_code in (0, 2)
    assert runs(stillwell, said) == (400, 400)
    assert pq.read_table("judged/day/accepted")["temp"].type == pa.float64()


@pytest.mark.parametrize("there", ["contract.yml", "pipeline.yml"])
def test_what_is_there_stays_unless_forced(folder, stillwell, said, there):
    (folder / there).write_text("mine")
    result = stillwell("init", "day.csv")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{there} is there already" in result.stderr
    assert (folder / there).read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == sorted(["day.csv", there])
    assert stillwell("init", "day.csv", "--force").exit_code == 0
    assert runs(stillwell, said) == (400, 400)


def test_the_object_names_the_files(folder, stillwell, said):
    found = said(stillwell("init", "day.csv", "--json").stdout, "init")
    assert (found["contract"], found["pipeline"], found["name"], found["records"], found["fields"]) == (
        "contract.yml", "pipeline.yml", "day", 400, 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["day one's.jsonl", "$HOME ${x}.jsonl", 'a"b: {c}, #d.jsonl', "[1].jsonl", "tag\\n.jsonl", "日.jsonl"]
)
def test_any_name_of_a_file_gives_a_pipeline_that_runs(folder, stillwell, said, name):
    (folder / name).write_text("\n".join(map(json.dumps, ROWS)))
    result = stillwell("init", name)
    assert result.exit_code == 0, result.stderr
    assert runs(stillwell, said) == (400, 400)


def test_a_folder_and_told_formats_go_into_the_pipeline(folder, stillwell, said):
    (folder / "incoming").mkdir()
    for part in ("a", "b"):
        (folder / "incoming" / f"{part}.parquet").write_bytes(b"")
        pq.write_table(pa.Table.from_pylist(ROWS), f"incoming/{part}.parquet")
    assert stillwell("init", "incoming/").exit_code == 0
    assert runs(stillwell, said) == (800, 800)
    (folder / "day.txt").write_text("".join(line.replace(",", "\t") + "\n" for line in CITIES.splitlines()[1:]))
    assert stillwell("init", "day.txt", "--delimiter", "\\t", "--header", "city,zip,temp", "--force").exit_code == 0
    assert runs(stillwell, said) == (400, 400)


def test_a_delta_table_goes_into_the_pipeline(folder, stillwell, said):
    deltalake = pytest.importorskip("deltalake")
    for _ in range(2):
        deltalake.write_deltalake("lake", pa.Table.from_pylist(ROWS), mode="append")
    assert stillwell("init", "lake").exit_code == 0
    assert runs(stillwell, said) == (800, 800)
    assert stillwell("init", "lake", "--at", "0", "--force").exit_code == 0
    assert "at: " in (folder / "pipeline.yml").read_text()


def test_a_pipeline_that_could_not_run_is_not_written(folder, stillwell):
    (folder / "mixed").mkdir()
    (folder / "mixed" / "a.csv").write_text(CITIES)
    (folder / "mixed" / "b.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    assert "error[unknown-format]" in stillwell("init", "mixed").stderr
    assert "error[usage]" in stillwell("init", "-").stderr
    assert sorted(path.name for path in folder.iterdir()) == ["day.csv", "mixed"]


def test_a_folder_that_may_not_be_written_is_said(folder, stillwell):
    folder.chmod(0o500)
    try:
        (folder / "try").write_text("")
        (folder / "try").unlink()
        pytest.skip("this user may write everywhere")
    except PermissionError:
        result = stillwell("init", "day.csv")
        assert (result.exit_code, "error[unwritable]" in result.stderr) == (3, True)
    finally:
        folder.chmod(0o700)


def test_a_topic_is_a_source_too(folder, stillwell, said, kafka, topic, monkeypatch):
    monkeypatch.setenv("BROKERS", kafka.address)
    assert stillwell("generate", "--rows", 2000, "--out", f"kafka://{kafka.address}/{topic}").exit_code == 0
    url = f"kafka://${{BROKERS}}/{topic}"
    shown = stillwell("check", url, "--contract", ROOT / "examples/sensors/contract.yml", "--limit", 100, "--json")
    samples = [sample for rule in said(shown.stdout, "check")["rules"] for sample in rule["samples"]]
    assert samples
    assert all(sample.keys() >= {"partition", "offset"} and sample["offset"] < 100 for sample in samples)
    first = samples[0]
    assert f"partition {first['partition']} offset {first['offset']}: saw" in shown.stderr
    result = stillwell("init", url)
    assert result.exit_code == 0, result.stderr
    assert f'{{kafka: {{brokers: "${{BROKERS}}", topic: "{topic}"}}}}' in (folder / "pipeline.yml").read_text()
    ran = stillwell("run", "--quiet", "--json", "--set", "source.kafka.until=end")
    assert said(ran.stdout, "run")["read"] == 2000


def test_nothing_is_left_of_what_does_not_run(folder, stillwell, monkeypatch):
    def refuse(self):
        raise PipelineError(Problem("unreadable", "It cannot be.", "Try another."))

    monkeypatch.setattr(Plan, "try_doors", refuse)
    assert stillwell("init", "day.csv").exit_code == 3
    assert sorted(path.name for path in folder.iterdir()) == ["day.csv"]
