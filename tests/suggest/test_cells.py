"""Which cells broken rules accuse."""

from stillwell.contract.load import parse
from stillwell.suggest import Cell, cells
from stillwell.suggest.cells import accused_fields
from tests.kernel.records import judge

HEAD = "contract: a\nversion: 1.0.0\nfields:\n"
PLACE = HEAD + "  zip: {type: string}\n  city: {type: string, warn: {max_length: 3}}\n  age: {type: integer, min: 0}\n"


def found(text, *records):
    contract = parse(text)
    return cells(contract, judge(contract, [record.encode() for record in records]))


def test_a_fields_rule_accuses_the_field_in_accepted_and_in_rejected_records():
    records = '{"city": "abcd", "age": 1}', '{"age": 2}', '{"city": "abcd", "age": -1}', '{"age": "x"}'
    assert found(PLACE, *records) == [
        Cell(0, "city", "city.warn.length"),
        Cell(2, "city", "city.warn.length"),
        Cell(2, "age", "age.range"),
        Cell(3, "age", "age.type"),
    ]


def test_a_record_that_cannot_be_read_has_no_field_to_accuse():
    assert found(PLACE, "no json") == [Cell(0, "", "payload.format")]


def test_a_case_accuses_what_its_branches_are_about():
    rules = """rules:
  place: {expect: "case when zip = '1' then city = 'abc' end", severity: warn}
"""
    records = '{"zip": "1", "city": "x"}', '{"zip": "2", "city": "x"}', '{"zip": "1", "city": "abc"}'
    assert found(PLACE + rules, *records) == [Cell(0, "city", "place")]


def test_what_decides_where_a_rule_applies_is_not_accused_unless_nothing_else_is_left():
    rules = """rules:
  given: {expect: age > 1, where: "zip = '1'"}
  both: {expect: "not (age > 60 and zip = '1')"}
  alone: {expect: age > 1, where: age < 9}
  by: {expect: "case zip when '1' then age > 3 else city = 'a' end"}
"""
    accused = accused_fields(parse(PLACE + rules))
    assert accused["given"] == ("age",)
    assert set(accused["both"]) == {"age", "zip"}
    assert accused["alone"] == ("age",)
    assert set(accused["by"]) == {"age", "city"}
