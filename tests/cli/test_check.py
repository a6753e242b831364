"""`stillwell check`: the table, the object, the rejects, and the exit code."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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


def test_a_check_that_breaks_off_leaves_no_rejects(day, here, stillwell):
    (here / "z.parquet").write_bytes(b"PAR1 no parquet PAR1")
    result = stillwell("check", day, "z.parquet", "--quarantine", "r.jsonl")
    assert result.exit_code == 3
    assert sorted(path.name for path in here.iterdir()) == ["contract.yml", "day.jsonl", "z.parquet"]


def test_rejects_of_other_columns_need_lines(day, here, stillwell):
    pq.write_table(pa.table({"id": ["x"]}), "a.parquet")
    refused = stillwell("check", day, "a.parquet", "--quarantine", "r.parquet")
    assert (refused.exit_code, "error[sink-schema] --quarantine" in refused.stderr) == (3, True)
    assert not (here / "r.parquet").exists()
    assert stillwell("check", day, "a.parquet", "--quarantine", "r.jsonl").exit_code == 1


def test_what_cannot_be_judged_yet_is_refused_before_anything_is_read(day, here, stillwell):
    (here / "contract.yml").write_text(
        CONTRACT + "key: id\nsequence:\n  calm: {kind: jump, field: t, max: 1, within: 1h}\n"
    )
    result = stillwell("check", day, "--quarantine", "r.jsonl")
    assert result.exit_code == 3
    assert "error[not-supported] contract.yml:12" in result.stderr
    assert not (here / "r.jsonl").exists()


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
