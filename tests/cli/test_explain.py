"""`stillwell explain`: what a contract asks, how it is judged, and why a record was judged as it was."""

from __future__ import annotations

import json

import duckdb
import pytest

from tests.cli.conftest import CONTRACT, GOOD, lines

ODD = """\
contract: odd
version: 1.0.0
description: Of everything something.
missing: ['-']
key: id
fields:
  id: {type: string, from: [meta.id, 'PM2\\.5', 'a[0]'], required: true, repair: {required: {value: none}}}
  at: {type: timestamp, format: [epoch_ms, 'dd.MM.yyyy'], zone: Europe/Paris}
  t:  {type: decimal, precision: 6, scale: 2, unit: °C, default: 5, clean: [trim], missing: [NA], repair: {type: clear}}
  u:  {type: double, value: t * 2, warn: {max: 9}}
  tags: {type: array, items: {type: string, max_length: 3}, repair: {type: clear}}
rules:
  r: {expect: u < 3, where: t > 1, if_null: fail, description: Never mind.}
"""


def test_rules_stand_by_field_in_the_order_of_judging(here, stillwell):
    result = stillwell("explain")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "contract.yml (readings 1.2.0)\nevent time at · other fields: ignore · parsing: lenient\n"
    )
    names = [
        "payload.format",
        "id.type",
        "id.pattern",
        "id.required",
        "at.range",
        "t.warn.range",
        "h.range",
        "pin.length",
    ]
    places = [result.stdout.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)
    assert "  t.range           reject  -40 … 85                   line 7\n" in result.stdout
    assert "plain way: one cheap query" in result.stdout


def test_what_happens_to_a_value_before_its_rules_is_said(here, stillwell, said):
    (here / "contract.yml").write_text(ODD)
    result = stillwell("explain", "contract.yml")
    for line in (
        "Of everything something.",
        "id  string, from meta.id or else PM2\\.5 or else a[0], null when -",
        "at  timestamp, null when -, read as epoch_ms or dd.MM.yyyy in Europe/Paris",
        "t  decimal(6,2), °C, 5 when absent, null when - or NA, trim",
        "    else none",
        "    else null",
        "    over null: broken",
        "    Never mind.",
        "full way: every record is judged rule by rule, because there is no quick proof for tags",
    ):
        assert f"\n{line}\n" in result.stdout
    found = said(stillwell("explain", "--json").stdout, "explain")
    assert found["plain_way"] is False
    assert [one["repair"] for one in found["rules"] if one["rule"] == "tags.type"] == ["null"]


def test_one_rule_is_shown_with_its_line_of_the_contract(here, stillwell):
    result = stillwell("explain", "--rule", "t.range")
    assert result.stdout.splitlines() == [
        "contract.yml (readings 1.2.0)",
        "  t.range  reject  -40 … 85  line 7",
        "",
        "contract.yml:7  t:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}}",
    ]
    wrong = stillwell("explain", "--rule", "t.rnge")
    assert wrong.exit_code == 3
    assert "Did you mean `t.range`?" in wrong.stderr


def test_undeclared_fields_to_be_found_cost_the_plain_way(here, stillwell):
    (here / "contract.yml").write_text(CONTRACT + "other_fields: warn\n")
    assert "fields nobody declared must be found (other_fields: warn)" in stillwell("explain").stdout


def test_what_cannot_be_judged_yet_is_said_and_the_rest_explained(here, stillwell, said):
    text = CONTRACT + "key: id\nwindows:\n  calm: {every: 1m, rules: {volume: {measure: share(1 > 0), min: 1%}}}\n"
    (here / "contract.yml").write_text(text.replace("range: clamp", "range: {fill: last, within: 1h}"))
    result = stillwell("explain", "--sql")
    assert result.exit_code == 0
    assert "not judged yet: windows.calm.rules.volume.measure, line 12\n" in result.stdout
    assert "    else fill from the key's history\n" in result.stdout
    found = said(stillwell("explain", "--json").stdout, "explain")
    assert sorted(one["path"] for one in found["not_supported"]) == [
        "fields.h.repair.range",
        "windows.calm.rules.volume.measure",
    ]


def test_of_rules_over_history_it_says_whose_and_what_a_key_costs(here, stillwell, said):
    rules = (
        "  calm: {kind: jump, field: t, max: 1, within: 1h, where: h > 5}\n"
        "  turn: {kind: order, description: One after another.}\n"
        "  late: {kind: late, max: 5m}\n"
        "  once: {kind: unique, fields: [id, at], within: 1h}\n"
    )
    (here / "contract.yml").write_text(CONTRACT + "key: id\nsequence:\n" + rules)
    told = stillwell("explain").stdout
    assert "\nhistory\n  calm" in told
    assert "    by the history of each id: 16 bytes a key\n" in told
    assert "    by the history of its partition\n" in told
    assert told.endswith("57 bytes are remembered of each id\nhistory: 33 bytes are remembered of each id, at\n")
    found = said(stillwell("explain", "--json").stdout, "explain")
    assert found["history"] == [
        {"key": ["id"], "bytes": 57, "rules": {"calm": 16, "turn": 8}},
        {"key": ["id", "at"], "bytes": 33, "rules": {"once": 8}},
    ]
    notes = {one["rule"]: one["notes"] for one in found["rules"]}
    assert notes["calm"][1].startswith("where ")
    assert notes["turn"][1] == "One after another."


def test_the_sql_is_what_duckdb_understands(here, stillwell, said):
    found = said(stillwell("explain", "--sql", "--json").stdout, "explain")
    assert set(found["sql"]) == {"plain", "full"}
    with duckdb.connect() as database:
        for sql in found["sql"].values():
            assert len(database.extract_statements(sql)) == 1
    assert "-- plain\nSELECT\n" in stillwell("explain", "--sql").stdout


def test_each_reason_of_a_record_says_seen_expected_and_the_line_that_asks(here, stillwell, said):
    (here / "day.jsonl").write_text(lines({}, {"t": 99, "id": "x", "pin": "12345"}, {"t": 75, "h": 101}))
    result = stillwell("explain", "--record", "day.jsonl")
    assert result.exit_code == 0
    assert result.stdout == (
        "line 1: accepted\n"
        "line 2: quarantined\n"
        '  ✗ id.pattern  id saw "x", expected s[0-9]\n'
        "      contract.yml:5  id: {type: string, required: true, pattern: 's[0-9]'}\n"
        "  ✗ t.range  t saw 99, expected -40 … 85\n"
        "      contract.yml:7  t:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}}\n"
        "  ! t.warn.range  t saw 99, expected ≤ 70\n"
        "      contract.yml:7  t:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}}\n"
        "  ✗ pin.length  pin saw ***, expected at most 4 characters\n"
        "      contract.yml:9  pin: {type: string, max_length: 4, sensitive: mask}\n"
        "line 3: accepted with warnings and repairs\n"
        "  ! t.warn.range  t saw 75, expected ≤ 70\n"
        "      contract.yml:7  t:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}}\n"
        "  ~ h.range  h was 101.0\n"
    )
    found = said(stillwell("explain", "--record", "day.jsonl", "--json", "--rule", "t.range").stdout, "explain")
    assert [one["verdict"] for one in found["records"]] == [
        "accepted",
        "quarantined",
        "accepted with warnings and repairs",
    ]
    assert [reason["rule"] for one in found["records"] for reason in one["reasons"]] == ["t.range"]


@pytest.mark.parametrize("content", [json.dumps(GOOD | {"t": 99}, indent=2), json.dumps([GOOD | {"t": 99}], indent=2)])
def test_a_json_document_is_one_record_or_a_list_of_them(here, stillwell, content):
    (here / "record.json").write_text(content)
    for result in (
        stillwell("explain", "--record", "record.json"),
        stillwell("explain", "--record", "-", input=content),
    ):
        assert result.stdout.startswith("record 1: quarantined\n  ✗ t.range  t saw 99")


def test_standard_input_may_hold_lines(here, stillwell):
    result = stillwell("explain", "--record", "-", input=lines({}) + "{broken\n")
    assert result.stdout.startswith("line 1: accepted\nline 2: quarantined\n  ✗ payload.format  saw ***")


def test_delimited_text_is_numbered_by_its_lines(here, stillwell):
    (here / "a.csv").write_text("id,at,t,h\ns1,2026-01-01T00:00:00Z,1,1\nx,2026-01-01T00:00:00Z,1,1\n")
    assert "\nline 3: quarantined\n" in stillwell("explain", "--record", "a.csv").stdout


def test_now_can_be_said(here, stillwell):
    (here / "a.jsonl").write_text(lines({}))
    assert "line 1: quarantined\n  ✗ at.range" in stillwell(
        "explain", "--record", "a.jsonl", "--as-of", "2025-12-31"
    ).stdout  # fmt: skip


def test_only_the_first_records_are_explained(here, stillwell):
    (here / "a.jsonl").write_text(lines({}) * 150)
    result = stillwell("explain", "--record", "a.jsonl")
    assert result.stdout.count("accepted\n") == 100
    assert "first 100 records" in result.stdout


def test_without_any_record_it_says_so(here, stillwell):
    (here / "a.jsonl").write_text("")
    assert stillwell("explain", "--record", "a.jsonl").stdout == "there is no record\n"
    assert stillwell("explain", "--record", "gone.jsonl").exit_code == 3


def test_what_of_a_pipeline_runs_where_is_told_for_an_engine(here, stillwell, said):
    (here / "pipeline.yml").write_text(
        "pipeline: p\ncontract: contract.yml\nsource: stdin\naccepted: {jsonl: {path: a}}\nquarantine: {jsonl: {path: q}}\n"
    )
    answer = said(stillwell("explain", "--engine", "embedded", "--json").stdout, "explain")
    assert answer["engine"] == "embedded"
    assert answer["steps"][0]["what"] == "read"
    assert answer["steps"][0]["state"].startswith("spool in ")
    told = stillwell("explain", "pipeline.yml", "--engine", "embedded").stdout
    assert "thread `writer` of this process" in told
    assert stillwell("explain", "--engine", "nothing").exit_code == 3
