"""`stillwell check`: the table, the object, the rejects, and the exit code."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from stillwell.cli import _data
from tests.cli.conftest import CONTRACT, GOOD, lines

DAY = lines({}, {"t": 99}, {"id": "x"}, {"t": 75}, {"h": 120}, {"id": None, "t": None}, {"pin": "12345"})
"""Of seven records three break a rule, one is warned of, one is mended; the last one holds a secret."""


@pytest.fixture
def day(here):
    (here / "day.jsonl").write_text(DAY)
    return "day.jsonl"


def test_the_table_says_what_broke_where_and_whether_it_passed(day, stillwell):
    result = stillwell("check", day, "--as-of", "2026-02-01")
    assert result.exit_code == 1
    first, *rest = result.stdout.splitlines()
    assert first.startswith("contract.yml (readings 1.2.0) judges day.jsonl · 7 records · ")
    assert "\n".join(rest) == (
        "now is 2026-02-01T00:00:00Z\n"
        "  rule          severity  failed     share  example\n"
        '✗ id.pattern    reject         1   14.29 %  line 3: saw "x", expected s[0-9]\n'
        "✗ id.required   reject         1   14.29 %  line 6: saw null, expected a value\n"
        "✗ t.range       reject         1   14.29 %  line 2: saw 99, expected -40 … 85\n"
        "✗ t.required    reject         1   14.29 %  line 6: saw null, expected a value\n"
        "✗ pin.length    reject         1   14.29 %  line 7: saw ***, expected at most 4 characters\n"
        "! t.warn.range  warn           2   28.57 %  line 2: saw 99, expected ≤ 70\n"
        "~ h.range       repaired       1   14.29 %  line 5: was 120.0\n"
        "✓ 10 rules passed\n"
        "FAILED  accepted 3 (1 warned, 1 repaired) + quarantined 4 = 7   (2 records broke several rules)\n"
        "quarantine: not kept; add --quarantine rejects.jsonl   exit 1"
    )


def test_the_object_has_every_count_and_holds_to_its_schema(day, stillwell, said):
    result = stillwell("check", day, "--json", "--samples", 2)
    found = said(result.stdout, "check")
    assert {
        name: found[name] for name in ("read", "accepted", "quarantined", "warned", "repaired", "conserved", "exit")
    } == {
        "read": 7,
        "accepted": 3,
        "quarantined": 4,
        "warned": 1,
        "repaired": 1,
        "conserved": True,
        "exit": 1,
    }
    rules = {one["rule"]: one for one in found["rules"]}
    assert [sample["line"] for sample in rules["t.warn.range"]["samples"]] == [2, 4]
    assert rules["t.range"]["samples"][0] == {
        "data": "day.jsonl", "line": 2, "field": "t", "seen": "99", "expected": "-40 … 85",
    }  # fmt: skip
    assert (rules["h.range"]["failed"], rules["h.range"]["repaired"], rules["h.range"]["repairs"][0]["seen"]) == (
        0,
        1,
        "120.0",
    )
    assert rules["t.range"]["not_evaluated"] == 1
    assert rules["t.range"]["line"] == 7
    assert found["fields"]["t"]["min"] == 20.5
    assert found["fields"]["at"]["max"] == "2026-01-01T00:00:00Z"
    assert "FAILED" in result.stderr


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_the_table_is_the_same_whether_rows_are_asked_for_or_not(here, stillwell, form):
    records = [json.loads(line) for line in DAY.splitlines()] * 20
    table = pa.Table.from_pylist([{**one, "t": None if one.get("t") is None else float(one["t"])} for one in records])
    name = f"day.{form}"
    if form == "parquet":
        pq.write_table(table, here / name)
    elif form == "csv":
        pacsv.write_csv(table, here / name)
    else:
        (here / name).write_text(DAY * 20)
    counted = stillwell("check", name, "--as-of", "2026-02-01", "--samples", 3).stdout.splitlines()
    judged = stillwell("check", name, "--as-of", "2026-02-01", "--samples", 3, "--quarantine", "out.jsonl").stdout
    assert len(counted) > 10
    assert counted[1:-1] == judged.splitlines()[1:-1]


def test_nothing_of_a_sensitive_field_is_shown(here, stillwell, said):
    (here / "contract.yml").write_text(CONTRACT.replace("type: string, max_length: 4", "type: integer, max: 9999"))
    (here / "day.jsonl").write_text(lines({"pin": 4711}, {"pin": 90210}, {"pin": 8151}))
    result = stillwell("check", "day.jsonl", "--json")
    assert set(said(result.stdout, "check")["fields"]["pin"]) <= {"null", "invalid", "distinct", "count"}
    assert not any(value in result.output for value in ("4711", "8151", "90210"))


def test_times_are_summed_up_as_times(here, stillwell, said):
    (here / "contract.yml").write_text(
        "contract: c\nversion: 1.0.0\nfields:\n  d: {type: date}\n  c: {type: time}\n  at: {type: timestamp}\n"
    )
    (here / "a.csv").write_text(
        "d,c,at\n2024-02-29,23:59:59,1969-12-31T23:59:59Z\n1960-01-01,00:00:01,2262-01-01T00:00:00Z\n"
    )
    fields = said(stillwell("check", "a.csv", "--json").stdout, "check")["fields"]
    assert {name: (one["min"], one["max"]) for name, one in fields.items()} == {
        "d": ("1960-01-01", "2024-02-29"),
        "c": ("00:00:01", "23:59:59"),
        "at": ("1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z"),
    }


@pytest.mark.parametrize(
    ("records", "options", "code", "word"),
    [
        ([{}], (), 0, "PASSED  "),
        ([{"t": 75}], (), 2, "PASSED with warnings"),
        ([{"t": 75}], ("--warn-ok",), 0, "PASSED with warnings"),
        ([{}, {"t": 99}], (), 1, "FAILED"),
        ([{}, {"t": 99}], ("--tolerate", "50%"), 0, "PASSED  "),
        ([{}, {"t": 99}], ("--tolerate", "49.9%"), 1, "FAILED"),
        ([{"t": 75}, {"t": 99}], ("--tolerate", "50%"), 2, "PASSED with warnings"),
        ([{"h": 101}], (), 0, "PASSED  "),
        ([], (), 2, "nothing was judged"),
        ([], ("--warn-ok",), 0, "nothing was judged"),
    ],
)
def test_the_exit_code_says_passed_failed_or_warned(here, stillwell, records, options, code, word):
    (here / "a.jsonl").write_text(lines(*records))
    result = stillwell("check", "a.jsonl", *options)
    assert result.exit_code == code
    assert word in result.stdout


def test_a_rule_of_severity_fail_is_never_tolerated(here, stillwell):
    (here / "contract.yml").write_text(CONTRACT.replace("warn: {max: 70}", "fail: {max: 70}"))
    (here / "a.jsonl").write_text(lines({}, {"t": 75}))
    assert stillwell("check", "a.jsonl", "--tolerate", "100%").exit_code == 1


def test_now_is_the_same_for_every_record_and_can_be_said(here, stillwell):
    (here / "a.jsonl").write_text(lines({"at": "2026-01-01T00:00:59Z"}, {"at": "2026-01-01T00:01:01Z"}))
    assert "quarantined 1 =" in stillwell("check", "a.jsonl", "--as-of", "2026-01-01").stdout
    assert "quarantined 0 =" in stillwell("check", "a.jsonl", "--as-of", "2026-01-01T00:00:01+00:00").stdout
    assert "--as-of TIME says another" in stillwell("check", "a.jsonl").stdout


def test_the_clock_is_not_spoken_of_where_no_rule_asks_for_it(here, stillwell):
    (here / "contract.yml").write_text(CONTRACT.replace(", max: now + 1m", ""))
    (here / "a.jsonl").write_text(lines({}))
    assert "now is" not in stillwell("check", "a.jsonl").stdout


def test_several_files_are_named_in_the_examples_and_counted_together(day, here, stillwell):
    (here / "b.csv").write_text("id,at,t,h,pin\ns1,2026-01-01T00:00:00Z,500,1,1\n")
    result = stillwell("check", "day.jsonl", "b.csv", "--samples", 2)
    assert "judges 2 files · 8 records" in result.stdout
    assert "day.jsonl line 2: saw 99" in result.stdout
    assert "b.csv line 2: saw 500" in result.stdout


def test_parquet_and_delta_are_judged_by_rows(here, stillwell):
    deltalake = pytest.importorskip("deltalake")
    table = pa.Table.from_pylist([GOOD, GOOD | {"t": 99.5}])
    pq.write_table(table, "a.parquet")
    deltalake.write_deltalake("lake", table.slice(0, 1))
    deltalake.write_deltalake("lake", table.slice(1), mode="append")
    assert "row 2: saw 99.5" in stillwell("check", "a.parquet").stdout
    assert stillwell("check", "lake").exit_code == 1
    assert stillwell("check", "lake", "--at", 0).exit_code == 0


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rejects_are_written_verbatim_with_their_reasons(day, here, stillwell):
    result = stillwell("check", day, "--quarantine", "rejects.jsonl")
    assert "quarantine: 4 records in rejects.jsonl   exit 1" in result.stdout
    kept = rows(here / "rejects.jsonl")
    assert [row["payload"] for row in kept] == [DAY.splitlines()[number] for number in (1, 2, 5, 6)]
    assert [reason["rule"] for reason in kept[0]["reasons"]] == ["t.range", "t.warn.range"]
    assert kept[0]["_stillwell"]["offset"] == 1


def test_rejects_are_the_same_in_every_kind_of_table(day, here, stillwell):
    deltalake = pytest.importorskip("deltalake")
    for out in ("r.jsonl", "r.parquet", "lake"):
        assert stillwell("check", day, "--quarantine", out).exit_code == 1
    parquet = pq.read_table("r.parquet")
    payloads = [one.decode() for one in parquet["payload"].to_pylist()]
    assert payloads == [row["payload"] for row in rows(here / "r.jsonl")]
    assert deltalake.DeltaTable("lake").to_pyarrow_table()["payload"].to_pylist() == parquet["payload"].to_pylist()
    # The second time nothing is left of the first; a table of somebody else is not touched.
    (here / "day.jsonl").write_text(lines({}))
    assert stillwell("check", day, "--quarantine", "r.jsonl").exit_code == 0
    assert stillwell("check", day, "--quarantine", "r.parquet").exit_code == 0
    assert (here / "r.jsonl").read_text() == ""
    assert len(pq.read_table("r.parquet")) == 0
    assert "error[exists]" in stillwell("check", day, "--quarantine", "lake").stderr


def test_without_any_record_there_still_is_a_table_of_rejects(here, stillwell):
    (here / "a.jsonl").write_text("")
    for out in ("r.jsonl", "r.parquet"):
        assert stillwell("check", "a.jsonl", "--quarantine", out).exit_code == 2
        assert (here / out).exists()
    assert "reasons" in pq.read_table("r.parquet").column_names


@pytest.mark.parametrize(
    ("out", "code"),
    [
        ("day.jsonl", "same-file"),
        ("r.csv", "unknown-format"),
        ("no/r.jsonl", "unwritable"),
        ("contract.yml/r.jsonl", "unwritable"),
    ],
)
def test_rejects_go_nowhere_else(day, here, stillwell, out, code):
    result = stillwell("check", day, "--quarantine", out)
    assert result.exit_code == 3
    assert f"error[{code}]" in result.stderr
    assert (here / "day.jsonl").read_text() == DAY
    assert sorted(path.name for path in here.iterdir()) == ["contract.yml", "day.jsonl"]


def test_a_check_that_breaks_off_leaves_no_rejects_and_no_cells(here, stillwell):
    whole = gzip.compress(lines({"t": 99}).encode() * 100_000)
    (here / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    result = stillwell("check", "a.jsonl.gz", "--quarantine", "r.jsonl", "--cells", "cells.csv")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[unreadable] a.jsonl.gz" in result.stderr
    assert sorted(path.name for path in here.iterdir()) == ["a.jsonl.gz", "contract.yml"]


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_judged(here, stillwell, said):
    (here / "data").mkdir()
    (here / "data" / "a.jsonl").write_text(lines({}, {"t": 99}))
    (here / "data" / "b.parquet").write_bytes(b"PAR1 no parquet PAR1")
    whole = gzip.compress(b"".join(lines({"pin": str(n)[:4]}).encode() for n in range(100_000)))
    (here / "data" / "c.jsonl.gz").write_bytes(whole[: len(whole) * 2 // 3])
    (here / "data" / "d.jsonl").write_text(lines({"t": 75}))
    result = stillwell("check", "data", "--quarantine", "r.jsonl", "--json")
    assert result.exit_code == 3
    found = said(result.stdout, "check")
    assert found["unreadable"] == ["data/b.parquet", "data/c.jsonl.gz"]
    assert (found["quarantined"], found["warned"], found["exit"]) == (1, 1, 3)
    assert found["read"] > 10_000
    assert result.stderr.count("error[unreadable]") == 2
    assert "COULD NOT TELL  accepted" in result.stderr
    assert "(2 files could not be read)" in result.stderr
    assert len(rows(here / "r.jsonl")) == 1


def test_where_nothing_can_be_read_there_is_no_table(here, stillwell):
    (here / "data").mkdir()
    for name in ("a.parquet", "b.parquet"):
        (here / "data" / name).write_bytes(b"PAR1 no parquet PAR1")
    result = stillwell("check", "data")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[unreadable] data/b.parquet" in result.stderr


def test_rejects_of_other_columns_need_lines(day, here, stillwell):
    pq.write_table(pa.table({"id": ["x"]}), "a.parquet")
    refused = stillwell("check", day, "a.parquet", "--quarantine", "r.parquet")
    assert (refused.exit_code, "error[sink-schema] --quarantine" in refused.stderr) == (3, True)
    assert not (here / "r.parquet").exists()
    assert stillwell("check", day, "a.parquet", "--quarantine", "r.jsonl").exit_code == 1


def test_what_cannot_be_judged_yet_is_refused_before_anything_is_read(day, here, stillwell):
    (here / "contract.yml").write_text(
        CONTRACT + "key: id\nsequence:\n  calm: {kind: anomaly, field: t, detect: default}\n"
    )
    result = stillwell("check", day, "--quarantine", "r.jsonl")
    assert result.exit_code == 3
    assert "error[not-supported] contract.yml:12" in result.stderr
    assert not (here / "r.jsonl").exists()


def test_windows_are_not_judged_in_a_file_and_it_says_so(day, here, stillwell, said):
    plain = stillwell("check", day)
    (here / "contract.yml").write_text(
        CONTRACT + "windows:\n  calm: {every: 1m, rules: {volume: {measure: count, min: 1000}}}\n"
    )
    result = stillwell("check", day)
    assert result.exit_code == plain.exit_code
    assert "– windows calm: not judged here" in result.stdout
    assert said(stillwell("check", day, "--json").stdout, "check")["windows_not_judged"] == ["calm"]


TABLE = """\
table:
  rows:  {measure: count, min: 3SEVERITY}
  once:  {measure: duplicates(id), max: 0, severity: fail}
  level: {measure: mean(t), min: 0, max: 50}
"""


@pytest.mark.parametrize(
    ("ids", "severity", "code", "told"),
    [
        (["s1", "s2", "s3"], "", 0, []),
        (["s1", "s2"], "", 2, ["! table.rows  warn  count: saw 2, expected ≥ 3"]),
        (["s1", "s2"], ", severity: fail", 1, ["✗ table.rows  fail  count: saw 2, expected ≥ 3"]),
        (["s1", "s2", "s1", "s1"], "", 1, ["✗ table.once  fail  duplicates(id): saw 2, expected ≤ 0"]),
        (["bad"] * 3, "", 1, ["! table.rows  warn  count: saw 0, expected ≥ 3", "– nothing to measure: table.level"]),
    ],
)
def test_what_must_hold_of_the_whole_is_judged_and_told(here, stillwell, said, ids, severity, code, told):
    (here / "contract.yml").write_text(CONTRACT + TABLE.replace("SEVERITY", severity))
    rows = [{"id": one, "at": "2026-01-01T00:00:00Z", "t": 20, "h": 1} for one in ids]
    (here / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = stillwell("check", "d.jsonl")
    assert result.exit_code == code
    assert [
        line for line in result.stdout.splitlines() if line[2:8] == "table." or "nothing to measure" in line
    ] == told
    found = {one["rule"]: one for one in said(stillwell("check", "d.jsonl", "--json").stdout, "check")["table"]}
    assert [name for name, one in found.items() if not one["holds"]] == [
        line[2:].split("  ")[0] for line in told if line[0] != "–"
    ]


def test_the_whole_is_that_of_all_files_and_of_epochs_alike(here, stillwell, said):
    (here / "contract.yml").write_text(CONTRACT + TABLE.replace("SEVERITY", ""))
    row = json.dumps({"id": "s1", "at": "2026-01-01T00:00:00Z", "t": 20, "h": 1}) + "\n"
    for name in ("a.jsonl", "b.jsonl"):
        (here / name).write_text(row)
    found = said(stillwell("check", "a.jsonl", "b.jsonl", "--json").stdout, "check")["table"]
    assert {one["rule"]: one["observed"] for one in found} == {"table.rows": 2, "table.once": 1, "table.level": 20}


def test_on_an_engine_nothing_is_known_of_the_whole(day, here, stillwell):
    (here / "contract.yml").write_text(CONTRACT + TABLE.replace("SEVERITY", ""))
    result = stillwell("check", day, "--engine", "embedded")
    assert (result.exit_code, "`table` out of the contract" in result.stderr) == (3, True)


def test_a_broken_contract_is_told_with_all_its_problems(day, here, stillwell):
    (here / "contract.yml").write_text(CONTRACT.replace("required", "requird"))
    result = stillwell("check", day)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("error[unknown-key]") == 3
    assert "Did you mean `required`?" in result.stderr


def test_binary_junk_under_a_name_of_text_is_bad_data_not_an_error(here, stillwell):
    (here / "a.jsonl").write_bytes(bytes(range(256)) * 4)
    result = stillwell("check", "a.jsonl")
    assert result.exit_code == 1
    assert "payload.encoding" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_line_as_long_as_the_file_is_one_record(here, stillwell):
    (here / "a.jsonl").write_text(lines({"pin": "9" * 5_000_000}))
    result = stillwell("check", "a.jsonl")
    assert result.exit_code == 1
    assert "judges a.jsonl · 1 record ·" in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 200


def test_a_long_list_of_allowed_values_does_not_fill_the_screen(here, stillwell, said):
    (here / "contract.yml").write_text(
        "contract: c\nversion: 1.0.0\nfields:\n"
        f"  a: {{type: string, allowed: [{', '.join('a' * 200 + str(n) for n in range(50))}]}}\n"
        f'rules:\n  r: {{expect: "a in ({", ".join(repr("b" * 30 + str(n)) for n in range(50))})"}}\n'
    )
    (here / "a.jsonl").write_text('{"a":"x"}\n')
    result = stillwell("check", "a.jsonl")
    assert max(map(len, result.stdout.splitlines())) < 150
    found = said(stillwell("check", "a.jsonl", "--json").stdout, "check")
    assert all(len(one["samples"][0]["expected"]) > 200 for one in found["rules"] if one["failed"])


def test_a_rule_that_no_record_could_break_is_not_called_passed(here, stillwell):
    (here / "a.jsonl").write_text(lines({"h": None}, {"h": None}))
    result = stillwell("check", "a.jsonl")
    assert "– 2 rules not evaluated, for want of a value: h.type, h.range\n" in result.stdout
    assert "✓ 15 rules passed" in result.stdout


def test_a_json_document_is_recognised_and_a_way_out_said(here, stillwell):
    (here / "a.json").write_text(json.dumps([GOOD, GOOD], indent=2))
    assert "jq -c" in stillwell("check", "a.json").stdout


def test_lines_that_do_not_fit_their_header_are_recognised(here, stillwell):
    (here / "a.csv").write_text("# made by hand\n" + "s1,2026-01-01T00:00:00Z,1,1\n" * 3)
    assert "as many cells as the header" in stillwell("check", "a.csv").stdout


def test_a_file_with_none_of_the_fields_is_recognised(here, stillwell):
    (here / "a.csv").write_text("id;at;t;h\ns1;2026-01-01T00:00:00Z;1;1\n")
    assert "No record has any field" in stillwell("check", "a.csv").stdout
    assert stillwell("check", "a.csv", "--delimiter", ";").exit_code == 0


@pytest.fixture
def bare(day, here):
    """The folder without its contract, and with a file in which one cell is odd."""
    (here / "contract.yml").unlink()
    temperatures = [f"{20 + n % 7}.5" for n in range(300)]
    temperatures[250] = "warm"
    (here / "t.csv").write_text("id,t\n" + "".join(f"s{n % 5},{t}\n" for n, t in enumerate(temperatures)))
    return here


def test_without_a_contract_the_data_judges_itself_and_the_first_line_says_so(bare, stillwell, said):
    result = stillwell("check", "t.csv")
    assert result.exit_code == 1
    first, *rest = result.stdout.splitlines()
    assert first.startswith("no contract.yml here: what the data suggests (t 1.0.0) judges t.csv · 300 records · ")
    assert "line 252: saw warm" in "\n".join(rest)
    assert "stillwell suggest t.csv > contract.yml" in result.stdout
    found = said(stillwell("check", "t.csv", "--json").stdout, "check")
    assert (found["suggested"], found["contract"]["file"], found["quarantined"]) == (True, "", 1)


def test_a_contract_that_was_named_is_never_replaced_by_a_suggestion(bare, stillwell):
    result = stillwell("check", "t.csv", "--contract", "gone.yml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "gone.yml" in result.stderr


def test_what_comes_on_standard_input_is_suggested_from_and_judged(bare, stillwell, process, said):
    text = "".join(json.dumps({"t": "warm" if n == 20_000 else n % 50}) + "\n" for n in range(30_000))
    result = process("check", "-", "--json", input=text)
    assert result.returncode == 1
    found = said(result.stdout, "check")
    assert (found["read"], found["quarantined"], found["suggested"]) == (30_000, 1, True)
    assert "stillwell suggest - > contract.yml" in result.stderr


def test_from_nothing_no_verdict_comes(bare, stillwell):
    (bare / "a.jsonl").write_text("")
    result = stillwell("check", "a.jsonl")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "error[no-records]" in result.stderr


def test_a_folder_with_an_unreadable_file_is_judged_by_what_the_others_suggest(bare, stillwell):
    (bare / "data").mkdir()
    (bare / "data" / "a.parquet").write_bytes(b"PAR1 no parquet PAR1")
    (bare / "t.csv").rename(bare / "data" / "t.csv")
    result = stillwell("check", "data")
    assert result.exit_code == 3
    assert "COULD NOT TELL  accepted 299 + quarantined 1 = 300" in result.stdout
    assert "error[unreadable] data/a.parquet" in result.stderr


def cells_in(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_each_flagged_cell_has_a_line_with_the_number_of_its_record(day, here, stillwell, said):
    result = stillwell("check", day, "--cells", "cells.csv")
    assert result.exit_code == 1
    assert "cells: 7 flagged cells in cells.csv" in result.stdout
    assert cells_in(here / "cells.csv") == [
        ["row", "field", "rule"],
        ["2", "t", "t.range"],
        ["2", "t", "t.warn.range"],
        ["3", "id", "id.pattern"],
        ["4", "t", "t.warn.range"],
        ["6", "id", "id.required"],
        ["6", "t", "t.required"],
        ["7", "pin", "pin.length"],
    ]
    found = said(stillwell("check", day, "--cells", "again.csv", "--json").stdout, "check")
    assert found["cells"] == {"file": "again.csv", "flagged": 7}
    assert (here / "again.csv").read_text() == (here / "cells.csv").read_text()


def test_cells_of_delimited_text_count_records_and_not_lines(here, stillwell):
    (here / "a.csv").write_text('id,at,t,h,pin\ns1,2026-01-01T00:00:00Z,1,1,"1\n2"\ns1,2026-01-01T00:00:00Z,500,1,1\n')
    stillwell("check", "a.csv", "--cells", "cells.csv")
    assert ["2", "t", "t.range"] in cells_in(here / "cells.csv")


def test_rows_of_cells_go_on_from_part_to_part(here, stillwell, monkeypatch):
    monkeypatch.setattr(_data, "_MOST_RECORDS", 3_000)
    (here / "a.jsonl").write_text("".join(lines({"t": 500} if n % 10_000 == 9_999 else {}) for n in range(40_000)))
    stillwell("check", "a.jsonl", "--cells", "cells.csv")
    assert [one[0] for one in cells_in(here / "cells.csv")[1::2]] == ["10000", "20000", "30000", "40000"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("day.jsonl", "--cells", "day.jsonl"), "same-file"),
        (("day.jsonl", "--cells", "out", "--quarantine", "out"), "same-file"),
        (("day.jsonl", "--cells", "no/cells.csv"), "unwritable"),
        (("day.jsonl", "day.jsonl", "--cells", "cells.csv"), "usage"),
    ],
)
def test_cells_go_nowhere_else(day, here, stillwell, arguments, code):
    result = stillwell("check", *arguments)
    assert result.exit_code == 3
    assert f"error[{code}]" in result.stderr
    assert sorted(path.name for path in here.iterdir()) == ["contract.yml", "day.jsonl"]
