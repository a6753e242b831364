"""A contract file becomes a frozen contract, or every problem of it at its place."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from stillwell.contract.load import load, parse
from stillwell.contract.model import Limits, Now, PlugIn
from stillwell.errors import ContractError, Where

DESIGN = """\
contract: sensor-readings
version: 1.2.0
key: sensor_id                       # whose history
identity: [sensor_id, timestamp]     # what makes a record one record
time: timestamp                      # event time
fields:
  sensor_id:   {type: string, required: true, pattern: 'sensor_[0-9]{3}'}
  timestamp:   {type: timestamp, required: true, max: now + 1m}
  temperature: {type: double, unit: °C, required: true, min: -40, max: 85, repair: {range: clamp}, warn: {max: 70}}
  humidity:    {type: double, unit: '%', min: 0, max: 100, repair: {range: clear}}
rules:
  hot_and_wet: {expect: 'not (temperature > 60 and humidity > 95)', severity: warn}
sequence:                            # over a key's history
  no_jump: {kind: jump, field: temperature, max: 10, within: 5m}
  stuck:   {kind: unchanged, field: humidity, for: 30m, severity: warn}
  once:    {kind: unique, within: 1h}
windows:
  minute:
    every: 1m
    rules:
      volume: {measure: count, min: 100}
      holes:  {measure: null_rate(temperature), max: 2%}
      level:  {measure: mean(temperature), detect: default}
"""

THREE = """\
contract: three-in-one
version: 1.0.0
key: site
missing: ['-', NA]
types:
  percent: {type: double, unit: '%', min: 0, max: 100}
  index: {type: double, min: 0, max: 999, repair: {type: clear}}
fields:
  site:        {type: string, required: true}
  card_number: {type: string, sensitive: hash}
  operation:   {type: string, from: $op, allowed: [insert, update, NO]}
  temperature: {type: double, unit: °C, required: true, min: -40, max: 85, repair: {range: clamp}, warn: {max: 70}}
  humidity:    {type: percent, repair: {range: clear, required: {fill: mean, within: 15m}}, required: true}
  firmware:    {type: string, from: [meta.fw, firmwareVersion]}
  amount:      {type: decimal, precision: 12, scale: 2, required: true, above: 0}
  old_amount:  {type: decimal, precision: 12, scale: 2, from: $before.amount}
  pm25:        {type: index, from: data.iaqi.pm25.v, unit: µg/m³}
rules:    {final: {expect: amount = old_amount, where: operation = 'update'}}
sequence: {velocity: {kind: count, key: card_number, max: 10, within: 10m, severity: warn}}
windows:
  site_hour:
    every: 1h
    by: [site]
    late: 5m
    rules: {half: {measure: count, against: 7d, min: 50%}, level: {measure: mean(pm25), detect: seasonal}}
"""


def test_the_contract_of_the_design_is_read_whole() -> None:
    contract = parse(DESIGN)
    assert (contract.name, contract.version) == ("sensor-readings", "1.2.0")
    assert (contract.key, contract.identity, contract.time) == (("sensor_id",), ("sensor_id", "timestamp"), "timestamp")
    assert [field.name for field in contract.fields] == ["sensor_id", "timestamp", "temperature", "humidity"]
    temperature = contract.field("temperature")
    assert temperature.constraints.limits == Limits(min=-40.0, max=85.0)
    assert temperature.warn.limits == Limits(max=70.0)
    assert temperature.repair["range"].kind == "clamp"
    assert contract.field("timestamp").constraints.limits.max == Now(dt.timedelta(minutes=1))
    assert [(rule.name, rule.severity) for rule in contract.rules] == [("hot_and_wet", "warn")]
    assert [rule.kind for rule in contract.sequence] == ["jump", "unchanged", "unique"]
    [minute] = contract.windows
    assert [rule.measure for rule in minute.rules] == ["count", "null_rate(temperature)", "mean(temperature)"]
    assert minute.rules[1].limits.max == 0.02
    assert minute.rules[2].detect == PlugIn("default")


def test_the_three_contracts_of_the_notes_are_read_in_the_new_form() -> None:
    contract = parse(THREE)
    assert contract.field("humidity").constraints.limits == Limits(min=0.0, max=100.0)
    assert contract.field("humidity").repair["required"].method == "mean"
    assert contract.field("firmware").paths[0].steps == ("meta", "fw")
    assert contract.field("amount").constraints.limits.above == Decimal(0)
    assert contract.field("old_amount").paths[0].envelope == "before.amount"
    assert contract.field("pm25").repair["type"].kind == "clear"
    assert contract.field("pm25").unit == "µg/m³"
    assert contract.field("operation").constraints.allowed == ("insert", "update", "NO")
    assert all(field.missing == ("-", "NA") for field in contract.fields)
    assert contract.sequence[0].key == ("card_number",)
    assert contract.windows[0].rules[0].against == dt.timedelta(days=7)
    assert contract.rules[0].where is not None


def test_what_a_contract_says_of_itself(contract) -> None:
    found = contract(
        "stillwell: 1\nstatus: draft\nowner: ops\ndescription: d\nother_fields: keep\nodcs: {price: {amount: 1}}\n"
        "fields: {a: {type: string}}\n"
    )
    assert (found.status, found.owner, found.description, found.other_fields) == ("draft", "ops", "d", "keep")
    assert found.odcs == {"price": {"amount": "1"}}


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("fields: {a: {type: string}}\nfeilds: {}\n", ("unknown-key", 4, 1, "feilds")),
        ("", ("missing-key", 1, 1, "")),
        ("fields: []\n", ("wrong-type", 3, 9, "fields")),
        ("fields: {}\n", ("bad-value", 3, 9, "fields")),
        ("fields: {a: {type: string}}\nstatus: aktive\n", ("bad-value", 4, 9, "status")),
        ("fields: {a: {type: string}}\nstillwell: 2\n", ("not-supported", 4, 12, "stillwell")),
        ("fields: {a: {type: string}}\nstillwell: x\n", ("bad-value", 4, 12, "stillwell")),
        ("fields: {a: {type: string}}\nother_fields: drop\n", ("bad-value", 4, 15, "other_fields")),
        ("fields: {a: {type: string}}\ntypes: x\n", ("wrong-type", 4, 8, "types")),
        ("fields: {a: {type: string}}\nowner: [a]\n", ("wrong-type", 4, 8, "owner")),
        ("fields: {a: {type: string}}\nkey: []\n", ("bad-value", 4, 6, "key")),
        ("fields: {a: {type: string}}\nlookups: {x: {key: id}}\n", ("missing-key", 4, 11, "lookups.x")),
    ],
)
def test_problems_of_the_contract_itself(found, rest, expected) -> None:
    assert found(rest) == [expected]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("version: 1.0.0\nfields: {a: {type: string}}", "missing-key", 1, 1),
        ("contract: A b\nversion: 1.0.0\nfields: {a: {type: string}}", "bad-value", 1, 11),
        ("contract: a\nversion: 1.10\nfields: {a: {type: string}}", "bad-value", 2, 10),
        ("- a", "wrong-type", 1, 1),
        ("just text", "wrong-type", 1, 1),
    ],
)
def test_a_contract_needs_its_name_and_version(text, code, line, column) -> None:
    with pytest.raises(ContractError) as caught:
        parse(text, file="c.yml")
    [problem] = caught.value.problems
    assert (problem.code, problem.where) == (code, Where("c.yml", line, column))


def test_all_problems_of_a_file_come_at_once_sorted_by_line(found) -> None:
    problems = found(
        "fields:\n"
        "  a: {type: doubel, requird: true}\n"
        "  b: {type: double, min: 100, max: 0}\n"
        "  c: {type: string, pattern: '('}\n"
        "rules:\n"
        "  r: {expect: b > 1 and cc > 2}\n"
        "sequence:\n"
        "  s: {kind: jmp}\n"
    )
    assert problems == [
        ("unknown-type", 4, 13, "fields.a.type"),
        ("unknown-key", 4, 21, "fields.a.requird"),
        ("contradiction", 5, 36, "fields.b.max"),
        ("bad-value", 6, 30, "fields.c.pattern"),
        ("unknown-field", 8, 15, "rules.r.expect, character 11"),
        ("bad-value", 10, 13, "sequence.s.kind"),
    ]


def test_a_broken_field_causes_no_problems_elsewhere(found) -> None:
    problems = found(
        "time: t\nkey: t\nfields:\n  t: {type: timestmp, format: iso, min: now - 1d, zone: UTC}\n"
        "rules: {r: {expect: t > now}}\nsequence: {s: {kind: jump, field: t, max: 1, within: 1m}}\n"
    )
    assert problems == [("unknown-type", 6, 13, "fields.t.type")]


def test_a_file_is_loaded_by_its_path(tmp_path) -> None:
    (tmp_path / "contract.yml").write_text(DESIGN, encoding="utf-8")
    contract = load(tmp_path / "contract.yml")
    assert contract == parse(DESIGN)
    assert contract.text == DESIGN
    assert contract.where("fields.temperature.max") == Where(str(tmp_path / "contract.yml"), 9, 72)
    assert contract.where("fields.temperature.nothing") == Where(str(tmp_path / "contract.yml"), 9, 3)


def test_a_file_that_is_not_there_is_one_problem(tmp_path) -> None:
    with pytest.raises(ContractError) as caught:
        load(tmp_path / "no.yml")
    assert [problem.code for problem in caught.value.problems] == ["unreadable"]


def test_lookups_have_typed_columns(contract) -> None:
    found = contract(
        "lookups: {sites: {key: id, fields: {id: {type: string}, zone: {type: string}}}}\n"
        "fields: {site: {type: string, in: sites}}\nrules: {r: {expect: sites.zone = 'x'}}\n"
    )
    assert found.lookups[0].key == ("id",)
    assert found.field("site").constraints.lookup == "sites"
    assert found.rules[0].expect.lookups == ("sites",)
