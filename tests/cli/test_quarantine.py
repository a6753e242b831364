"""`stillwell quarantine`: it says what was rejected, judges it again, lets it expire, and its page says what happens."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import GOOD, lines
from tests.cli.second_chance import PAGE, page, timeless
from tests.delivery.stage import Died, Fuse
from tests.pipeline.bench import Bench

PIPELINE = """\
pipeline: readings
contract: contract.yml
source:     {files: {path: in.jsonl}}
accepted:   {parquet: {path: accepted}}
quarantine: {parquet: {path: quarantine}}
"""


@pytest.fixture
def ran(here, stillwell):
    """Six records, of which the temperatures 90 and 95, an id and a text are rejected; the pin is sensitive."""
    bad = [{"t": 90.0}, {"t": 95.0}, {"id": "x", "t": 80.0}]
    (here / "in.jsonl").write_text(lines({}, *bad, {"t": 1.0}) + "{oh\n")
    (here / "pipeline.yml").write_text(PIPELINE)
    assert stillwell("run", "--quiet").exit_code == 0
    return here


def hotter(here, limit=92):
    contract = here / "contract.yml"
    contract.write_text(contract.read_text().replace("max: 85", f"max: {limit}").replace("1.2.0", "1.3.0"))


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


def test_ls_counts_by_rule_and_field(ran, stillwell, said):
    result = stillwell("quarantine", "ls", "--json")
    assert result.exit_code == 0
    found = said(result.stdout, "quarantine")
    assert (found["records"], found["open"], found["passed"], found["expired"]) == (4, 4, 0, 0)
    assert {(one["rule"], one["field"]): one["records"] for one in found["rules"]} == {
        ("t.range", "t"): 2, ("id.pattern", "id"): 1, ("payload.format", ""): 1,
    }  # fmt: skip
    text = stillwell("quarantine", "ls", ran, "--where", "rule=t.*").stdout
    assert "t.range  t            2     2       0        0" in text
    assert "2 records: 2 open · 0 passed · 0 expired" in text
    assert stillwell("quarantine", "ls", "--where", "rule=none").stdout.splitlines()[-1].startswith("0 records")


def test_show_hides_what_may_be_sensitive_until_it_is_asked_for(ran, stillwell, said):
    result = stillwell("quarantine", "show", "--where", "field=t", "--json")
    first, second = objects(result.stdout)
    assert said(result.stdout, "quarantined") == second
    assert (first["offset"], first["state"], first["payload"]) == (1, "new", "***")
    assert "1234" not in result.output
    [reason] = [one for one in first["reasons"] if one["severity"] == "reject"]
    assert (reason["rule"], reason["seen"]) == ("t.range", "90.0")
    told = stillwell("quarantine", "show", "--where", "offset=1", "--reveal")
    assert json.dumps(GOOD | {"t": 90.0}) in told.stdout
    assert "✗ t.range: saw 90.0, expected -40 … 85" in told.stdout
    assert "no such record" in stillwell("quarantine", "show", "--where", "offset=99").stdout


def test_what_was_sensitive_when_it_was_judged_stays_hidden(ran, stillwell):
    contract = ran / "contract.yml"
    contract.write_text(re.sub(r", sensitive: \w+", "", contract.read_text()).replace("1.2.0", "2.0.0"))
    assert "sensitive" not in contract.read_text()
    shown = stillwell("quarantine", "show", "--where", "offset=1")
    assert shown.exit_code == 0
    assert "1234" not in shown.output
    assert "--reveal" in shown.output


def test_bytes_that_are_no_text_are_shown_all_the_same(here, stillwell, said):
    (here / "contract.yml").write_text("contract: c\nversion: 1.0.0\nfields: {a: {type: integer}}\n")
    (here / "in.jsonl").write_bytes(b"\xff\xfe\n\x1b[31mred\n")
    (here / "pipeline.yml").write_text(PIPELINE)
    assert stillwell("run", "-q").exit_code == 0
    first, second = objects(stillwell("quarantine", "show", "--json").stdout)
    assert (first["payload_base64"], second["payload"]) == ("//4=", "\x1b[31mred")
    for one in (first, second):
        said(json.dumps(one), "quarantined")
    assert "\x1b" not in stillwell("quarantine", "show").stdout


def test_replay_says_how_many_pass_now_and_its_exit_code_whether_all_do(ran, stillwell, said):
    assert stillwell("quarantine", "replay", "--dry-run").exit_code == 1
    hotter(ran)
    result = stillwell("quarantine", "replay", "--where", "rule=t.range", "--dry-run", "--json")
    assert result.exit_code == 2
    found = said(result.stdout, "replay")
    assert (found["records"], found["passed"], found["rules"], found["name"]) == (2, 1, {"t.range": 1}, None)
    assert (found["dry_run"], found["version"], found["where"]) == (True, "1.3.0", "rule=t.range state=open")
    result = stillwell("quarantine", "replay", "--where", "offset=1", "--json")
    assert result.exit_code == 0
    assert said(result.stdout, "replay")["name"] == "replay-1"
    assert "replay-1: 1 of 1 now pass, judged by readings 1.3.0" in result.stderr
    assert "→ The proof: stillwell audit" in result.stderr
    result = stillwell("quarantine", "replay")
    assert result.exit_code == 1
    assert "replay-2: 0 of 3 now pass" in result.stdout
    assert "✗ id.pattern" in result.stdout
    assert stillwell("quarantine", "replay", "--where", "state=new").exit_code == 0
    audited = said(stillwell("audit", "--json").stdout, "audit")
    assert (audited["holds"], audited["accepted"], audited["quarantined"], audited["replayed"]) == (True, 2, 4, 1)


def test_another_contract_than_that_of_the_pipeline_may_judge(ran, stillwell):
    other = ran / "other.yml"
    other.write_text((ran / "contract.yml").read_text().replace("max: 85", "max: 999"))
    result = stillwell("quarantine", "replay", "--where", "rule=t.range", "--contract", other)
    assert (result.exit_code, "2 of 2 now pass" in result.stdout) == (0, True)
    other.write_text("contract: c\nversion: 1.0.0\nfields: {a: {type: integr}}\n")
    result = stillwell("quarantine", "replay", "--contract", other)
    assert (result.exit_code, "other.yml:3" in result.stderr) == (3, True)


def test_expire_needs_to_be_told_what_and_says_how_many(ran, stillwell, said):
    refused = stillwell("quarantine", "expire")
    assert (refused.exit_code, "This would remove the whole quarantine." in refused.stderr) == (3, True)
    assert stillwell("quarantine", "expire", "--older-than", "30").exit_code == 3
    result = stillwell("quarantine", "expire", "--older-than", "1h", "--json")
    assert (result.exit_code, said(result.stdout, "expiry")["records"]) == (0, 0)
    result = stillwell("quarantine", "expire", "--older-than", "0s", "--where", "rule=t.range", "--dry-run", "--json")
    assert said(result.stdout, "expiry")["records"] == 2
    result = stillwell("quarantine", "expire", "--where", "rule=t.range", "--json")
    assert said(result.stdout, "expiry")["name"] == "expire-1"
    assert said(stillwell("quarantine", "ls", "--json").stdout, "quarantine")["expired"] == 2
    keyed = stillwell("quarantine", "ls", "--where", "key=a", "--where", "rule=t.range", "--json")
    assert (said(keyed.stdout, "quarantine")["records"], said(keyed.stdout, "quarantine")["keyless"]) == (0, 2)
    assert "not counted: 2 expired records, whose keys are gone with them" in keyed.stderr
    assert "not counted" not in stillwell("quarantine", "ls", "--json").stderr
    audited = stillwell("audit")
    assert audited.exit_code == 0
    assert "accepted 2 rows + quarantined 2 rows + expired 2" in audited.stdout


def test_a_killed_replay_is_told_of_and_finished_by_the_next_verb(tmp_path, stillwell, said):
    bench = Bench(tmp_path / "bench", "parquet")
    bench.add([1, 50, 20] * 8)
    bench.run()
    bench.most(30)
    with pytest.raises(Died):
        bench.replay("rule=value.range", fuse=Fuse(6))
    listed = stillwell("quarantine", "ls", bench.folder, "--json")
    assert said(listed.stdout, "quarantine")["unfinished"] == "replay-1"
    assert "replay-1 did not come to its end: stillwell quarantine replay" in listed.stderr
    audited = stillwell("audit", bench.folder, "--json")
    found = said(audited.stdout, "audit")
    assert (audited.exit_code, found["open"], found["open_aftermath"]) == (2, 10, 10)
    how = f"stillwell quarantine replay {bench.folder / 'pipeline.yml'} finishes it"
    assert f"replay-1 did not end, 10 records of an epoch are begun: {how}" in audited.stderr
    assert "the next run" not in audited.stderr
    result = stillwell("quarantine", "expire", bench.folder, "--where", "state=passed", "--json")
    assert "replay-1, which an earlier process had begun: 16 records were replayed, 8 of them pass" in result.stderr
    replayed, expired = objects(result.stdout)
    assert (said(json.dumps(replayed), "replay")["resumed"], replayed["passed"]) == (True, 8)
    assert (said(json.dumps(expired), "expiry")["name"], expired["records"]) == ("expire-1", 8)
    assert stillwell("audit", bench.folder).exit_code == 0


def test_what_a_killed_replay_left_counts_when_all_else_still_fails(tmp_path, stillwell):
    bench = Bench(tmp_path / "bench", "parquet")
    bench.add([1, 50, 20] * 8)
    bench.run()
    bench.most(30)
    with pytest.raises(Died):
        bench.replay("rule=value.range", fuse=Fuse(6))
    result = stillwell("quarantine", "replay", bench.folder)
    assert "replay-1, which an earlier process had begun: 8 of 16 now pass" in result.stdout
    assert (result.exit_code, "replay-2: 0 of 8 now pass" in result.stdout) == (2, True)
    assert stillwell("quarantine", "replay", bench.folder).exit_code == 1


def test_a_rule_or_field_that_nobody_knows_is_refused_by_a_replay_with_the_nearest(ran, stillwell):
    result = stillwell("quarantine", "replay", "--where", "rule=t.rang", "--where", "field=pim", "--dry-run")
    assert result.exit_code == 3
    for said in ("No rule is called `t.rang`", "Did you mean `t.range`?", "No field is called `pim`", "`pin`?"):
        assert said in result.stderr
    assert stillwell("quarantine", "replay", "--where", "rule=nosuch.*").exit_code == 3
    # The contract knows it, and no record is open by it.
    assert stillwell("quarantine", "replay", "--where", "rule=h.type").exit_code == 0
    contract = ran / "contract.yml"
    contract.write_text(
        contract.read_text().replace("pattern: 's[0-9]'", "").replace("string, required: true, }", "string}")
    )
    assert "pattern" not in contract.read_text()
    assert "1 of 1 would pass" in stillwell("quarantine", "replay", "--where", "rule=id.pattern", "--dry-run").stdout


def test_what_cannot_be_understood_is_refused_with_the_nearest_word(ran, stillwell):
    result = stillwell("quarantine", "ls", "--where", "rul=t.range")
    assert (result.exit_code, "Did you mean `rule`?" in result.stderr) == (3, True)
    assert "Did you mean `quarantine replay`?" in stillwell("quarantine", "reply").stderr


def test_lines_of_csv_are_judged_again_with_the_header_they_came_under(here, stillwell, said):
    (here / "contract.yml").write_text(
        "contract: c\nversion: 1.0.0\nfields: {a: {type: integer, max: 5}, b: {type: string}}\n"
    )
    (here / "one.csv").write_text("a,b\n1,x\n7,y\n")
    (here / "two.csv").write_text("b,a\nz,8\nw,1\n")
    (here / "pipeline.yml").write_text(PIPELINE.replace("in.jsonl", "'*.csv'"))
    assert stillwell("run", "-q").exit_code == 0
    (here / "contract.yml").write_text((here / "contract.yml").read_text().replace("max: 5", "max: 9"))
    found = said(stillwell("quarantine", "replay", "--json").stdout, "replay")
    assert (found["records"], found["passed"]) == (2, 2)
    assert said(stillwell("audit", "--json").stdout, "audit")["holds"]


def test_before_the_first_run_it_says_so(here, stillwell):
    (here / "pipeline.yml").write_text(PIPELINE)
    (here / "in.jsonl").touch()
    before = sorted(here.rglob("*"))
    for verb in ("ls", "show", "replay"):
        result = stillwell("quarantine", verb)
        assert (result.exit_code, "error[no-ledger]" in result.stderr) == (3, True)
    assert sorted(here.rglob("*")) == before


def test_the_page_is_what_the_commands_print():
    assert timeless(PAGE.read_text(encoding="utf-8")) == timeless(page()), "run `make docs`"
