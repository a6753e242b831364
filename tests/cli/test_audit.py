"""`stillwell audit`: it holds, it names what does not, it says what is open, and it cannot tell before a run."""

from __future__ import annotations

import json

import pytest

from stillwell.connectors.jsonl import Sink


@pytest.fixture
def ran(stream, stillwell):
    """A folder in which the pipeline has run."""
    here = stream()
    assert stillwell("run", "--quiet").exit_code == 0
    return here


def changed(path, change):
    """Change the lines of a file; gives what `change` does."""
    lines = path.read_text().splitlines(keepends=True)
    result = change(lines)
    path.write_text("".join(lines))
    return result


def offset(line):
    return json.loads(line)["_stillwell"]["offset"]


def test_it_holds_after_a_run(ran, stillwell, said):
    result = stillwell("audit", "--json")
    assert result.exit_code == 0
    found = said(result.stdout, "audit")
    assert (found["holds"], found["proved"], found["open"], found["findings"]) == (True, 3000, 0, [])
    assert found["accepted"] + found["quarantined"] == 3000
    assert "3,000 records proved from the source · 0 by the ledger's checksums alone" in result.stderr
    assert "✓ nothing lost, nothing doubled, nothing altered" in stillwell("audit", ran).stdout


def test_a_deleted_row_is_named_by_its_offset(ran, stillwell, said):
    gone = offset(changed(ran / "accepted.jsonl", lambda lines: lines.pop(1234)))
    result = stillwell("audit", "--json")
    assert result.exit_code == 1
    found = said(result.stdout, "audit")
    assert not found["holds"]
    assert found["findings"] == [
        {"kind": "lost", "where": "accepted.jsonl", "partition": 0, "count": 1, "offsets": [gone], "detail": ""}
    ]
    assert f"✗ lost       1 in accepted.jsonl, partition 0 offset {gone:,}\n" in stillwell("audit").stdout


def test_a_doubled_row_and_an_altered_one_are_named_too(ran, stillwell, said):
    twice = offset(changed(ran / "quarantine.jsonl", lambda lines: lines.append(lines[7]) or lines[7]))

    def alter(lines):
        row = json.loads(lines[50])
        row["temperature"] += 0.01
        lines[50] = json.dumps(row) + "\n"
        return lines[50]

    altered = offset(changed(ran / "accepted.jsonl", alter))
    result = stillwell("audit", "--json")
    assert result.exit_code == 1
    findings = {(one["kind"], one["where"], *one["offsets"]) for one in said(result.stdout, "audit")["findings"]}
    assert findings == {("doubled", "quarantine.jsonl", twice), ("altered", "accepted.jsonl", altered)}


def test_of_many_lost_rows_the_first_are_named_and_all_counted(ran, stillwell, said):
    changed(ran / "accepted.jsonl", lambda lines: lines.__delitem__(slice(100, 200)))
    text = stillwell("audit").stdout
    [found] = said(stillwell("audit", "--json").stdout, "audit")["findings"]
    assert (found["count"], len(found["offsets"])) == (100, 10)
    assert "lost       100 in accepted.jsonl" in text
    assert " …\n" in text


def test_an_epoch_that_a_run_left_open_is_a_yes_with_a_warning(stream, stillwell, said, monkeypatch):
    here = stream()
    write = Sink.write

    def dies(self, rows, marks):
        if self._path.name == "accepted.jsonl" and len(self.marks()):
            raise OSError(28, "No space left on device")
        write(self, rows, marks)

    with monkeypatch.context() as broken:
        broken.setattr(Sink, "write", dies)
        assert stillwell("run", "-q").exit_code == 3
    result = stillwell("audit", "--json")
    found = said(result.stdout, "audit")
    assert (result.exit_code, found["holds"], found["proved"], found["open"]) == (2, True, 1000, 1000)
    assert "1,000 records of an epoch that the next run will finish" in result.stderr
    assert stillwell("run", "-q").exit_code == 0
    assert stillwell("audit").exit_code == 0
    assert len((here / "accepted.jsonl").read_text().splitlines()) > 2000


def test_before_the_first_run_it_cannot_tell(stream, stillwell, said):
    here = stream()
    before = sorted(here.rglob("*"))
    result = stillwell("audit", "--json")
    assert result.exit_code == 3
    assert said(result.stdout, "error")["code"] == "no-ledger"
    assert "Run it first: stillwell run." in result.stderr
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("sink", ["delta", "parquet", "duckdb"])
def test_before_the_first_run_it_creates_nothing_for_any_sink(stream, stillwell, sink):
    here = stream(accepted=f"{{{sink}: {{path: new/a}}}}", quarantine=f"{{{sink}: {{path: new/q}}}}")
    before = sorted(here.rglob("*"))
    result = stillwell("audit")
    assert (result.exit_code, "error[no-ledger]" in result.stderr) == (3, True)
    assert sorted(here.rglob("*")) == before


def test_a_source_that_is_gone_gives_no_verdict_but_for_that_of_the_ledger_alone_when_it_is_asked_for(
    stream, stillwell, said
):
    here = stream(source="{files: {path: in.jsonl}}")
    stillwell("generate", "--rows", "2000", "--out", "in.jsonl")
    assert stillwell("run", "-q").exit_code == 0
    assert stillwell("audit").exit_code == 0
    (here / "in.jsonl").unlink()
    result = stillwell("audit", "--json")
    error = said(result.stdout, "error")
    assert (result.exit_code, error["code"]) == (3, "no-file")
    assert "✓" not in result.stderr
    assert "stillwell audit --without-source" in error["fix"]
    result = stillwell("audit", "--without-source", "--json")
    found = said(result.stdout, "audit")
    assert (result.exit_code, found["without_source"], found["holds"]) == (2, True, True)
    assert (found["proved"], found["by_ledger"], found["uncompared"]) == (0, 2000, found["accepted"])
    held = f"✓ nothing lost, nothing doubled; the values of {found['accepted']:,} accepted rows could not be compared\n"
    assert held in result.stderr
    assert "the source was left out" in result.stderr


def test_that_nothing_is_altered_is_said_only_of_what_the_source_still_has(stream, stillwell, said):
    here = stream(source="{files: {path: 'in-*.jsonl'}}", epoch="{records: 1000}")
    for part in (1, 2):
        stillwell("generate", "--rows", "1000", "--seed", str(part), "--out", f"in-{part}.jsonl")
        assert stillwell("run", "-q").exit_code == 0
    assert said(stillwell("audit", "--json").stdout, "audit")["uncompared"] == 0
    (here / "in-1.jsonl").unlink()

    def alter(lines):
        row = json.loads(lines[5])
        row["temperature"] += 0.01
        lines[5] = json.dumps(row) + "\n"

    changed(here / "accepted.jsonl", alter)
    result = stillwell("audit", "--json")
    found = said(result.stdout, "audit")
    assert (result.exit_code, found["holds"], found["proved"], found["by_ledger"]) == (0, True, 1000, 1000)
    assert 0 < found["uncompared"] < 1000
    assert (
        "✓ nothing lost, nothing doubled; nothing altered in 1,000 records that the source still has, "
        f"the values of {found['uncompared']:,} accepted rows could not be compared\n"
    ) in result.stderr


def test_a_sink_that_is_gone_lost_what_it_held(ran, stillwell, said):
    held = sorted(offset(line) for line in (ran / "quarantine.jsonl").read_text().splitlines())
    for path in ran.glob("quarantine.jsonl*"):
        path.unlink()
    result = stillwell("audit", "--json")
    found = said(result.stdout, "audit")
    assert (result.exit_code, found["holds"], found["quarantined"]) == (1, False, 0)
    # The newest epoch is not lost: without a mark in that sink, the next run writes it again.
    assert found["open"] == 1000
    assert sum(one["count"] for one in found["findings"]) == sum(one < 2000 for one in held)
    assert {one["kind"] for one in found["findings"]} == {"lost"}
