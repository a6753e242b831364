"""A field's keys mean what its type makes of them; what means nothing for the type is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from stillwell.contract.model import Clean, Limits, Now, Path


def one(contract, keys: str):
    return contract(f"fields:\n  f: {{{keys}}}\n").field("f")


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        ("type: integer, min: 1, below: 10", Limits(min=1, below=10)),
        ("type: double, above: 0, max: 1e3", Limits(above=0.0, max=1000.0)),
        ("type: decimal, precision: 5, scale: 2, max: 99.50", Limits(max=Decimal("99.5"))),
        ("type: date, min: 2024-01-31", Limits(min=dt.date(2024, 1, 31))),
        ("type: time, min: 08:30", Limits(min=dt.time(8, 30))),
        (
            "type: timestamp, max: now + 5s, min: now - 1w",
            Limits(min=Now(dt.timedelta(-7)), max=Now(dt.timedelta(0, 5))),
        ),
        (
            "type: timestamp, zone: Europe/Oslo, min: 2024-07-01T12:00",
            Limits(min=dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)),
        ),
    ],
)
def test_limits_are_literals_of_the_type(contract, keys: str, limits: Limits) -> None:
    assert one(contract, keys).constraints.limits == limits


def test_keys_of_strings(contract) -> None:
    found = one(
        contract, "type: string, min_length: 1, max_length: 9, pattern: '[a-z]+', format: [email, uuid], allowed: [ab]"
    )
    asked = found.constraints
    assert (asked.min_length, asked.max_length, asked.pattern) == (1, 9, "[a-z]+")
    assert (asked.formats, asked.allowed) == (("email", "uuid"), ("ab",))
    assert found.parse_formats == ("iso",)


def test_the_format_of_a_time_is_how_it_is_parsed(contract) -> None:
    found = one(contract, "type: timestamp, format: [epoch_ms, 'dd.MM.yyyy HH:mm', 'yyyy-MM-ddTHH:mm:ssX']")
    assert found.parse_formats == ("epoch_ms", "dd.MM.yyyy HH:mm", "yyyy-MM-ddTHH:mm:ssX")
    assert found.constraints.formats == ()


def test_where_a_field_lies(contract) -> None:
    assert one(contract, "type: string").paths == (Path(("f",)),)
    assert one(contract, "type: string, from: 'a.b[0]'").paths == (Path(("a", "b", 0)),)
    assert one(contract, "type: string, from: [a, $key]").paths == (Path(("a",)), Path(envelope="key"))


def test_raw_text_is_cleaned_in_order(contract) -> None:
    found = one(contract, "type: double, unit: kg, missing: ['-200'], clean: [trim, {map: {a: b}}, strip_unit]")
    assert found.clean == (Clean("trim"), Clean("map", (("a", "b"),)), Clean("strip_unit"))
    assert found.missing == ("-200",)


def test_a_default_is_a_literal_of_the_type(contract) -> None:
    found = one(contract, "type: integer, default: 0")
    assert (found.default, found.has_default) == (0, True)
    assert not one(contract, "type: integer").has_default


def test_objects_and_arrays_have_fields_within(contract) -> None:
    found = contract(
        "fields:\n  order:\n    type: object\n    fields:\n      lines: {type: array, min_items: 1, "
        "items: {type: object, fields: {price: {type: double, from: p}}}}\n"
    ).field("order")
    lines = found.fields[0]
    assert lines.items is not None
    assert (lines.name, lines.constraints.min_items) == ("lines", 1)
    assert lines.items.fields[0].paths == (Path(("p",)),)


def test_a_computed_field_has_an_expression_and_no_path(contract) -> None:
    found = contract(
        "fields:\n  a: {type: double}\n  b: {type: double, value: A * 2}\n  c: {type: boolean, value: a > 1}\n"
    )
    b = found.field("b")
    assert b.value is not None
    assert (b.value.sql, b.paths) == ('"a" * 2', ())


def test_a_template_gives_keys_and_local_keys_win(contract) -> None:
    found = contract(
        "types: {base: {type: double, min: 0, unit: m}, tall: {type: base, max: 9}}\n"
        "fields: {f: {type: tall, unit: km, warn: {max: 5}}}\n"
    ).field("f")
    assert (found.type, found.unit, found.constraints.limits) == ("double", "km", Limits(min=0.0, max=9.0))
    assert found.warn.limits == Limits(max=5.0)


@pytest.mark.parametrize(
    ("field", "code", "path"),
    [
        ("type: string, »requird: true", "unknown-key", "fields.f.requird"),
        ("type: »doubel", "unknown-type", "fields.f.type"),
        ("type: »'decimal(10,2)'", "unknown-type", "fields.f.type"),
        ("type: »[string]", "wrong-type", "fields.f.type"),
        ("type: string, min: »1", "wrong-type", "fields.f.min"),
        ("type: double, pattern: »x", "wrong-type", "fields.f.pattern"),
        ("type: double, format: »email", "wrong-type", "fields.f.format"),
        ("type: double, zone: »UTC", "wrong-type", "fields.f.zone"),
        ("type: string, precision: »3", "wrong-type", "fields.f.precision"),
        ("type: string, »items: {type: string}", "wrong-type", "fields.f.items"),
        ("type: double, min: »one", "bad-value", "fields.f.min"),
        ("type: double, min: »now", "wrong-type", "fields.f.min"),
        ("type: timestamp, max: »now + 1mo", "bad-value", "fields.f.max"),
        ("type: double, required: »yes", "bad-value", "fields.f.required"),
        ("type: integer, default: »1.5", "bad-value", "fields.f.default"),
        ("type: json, default: »'{'", "bad-value", "fields.f.default"),
        ("type: string, min_length: »-1", "bad-value", "fields.f.min_length"),
        ("type: string, pattern: »'(?=x)'", "bad-value", "fields.f.pattern"),
        ('type: string, pattern: »"a\\b"', "quoting", "fields.f.pattern"),
        ("type: string, format: »emial", "bad-value", "fields.f.format"),
        ("type: timestamp, format: »epoch", "bad-value", "fields.f.format"),
        ("type: timestamp, format: »YYYY-mm", "bad-value", "fields.f.format"),
        ("type: timestamp, zone: »Europe/Olso", "bad-value", "fields.f.zone"),
        ("type: integer, allowed: [1, »x]", "bad-value", "fields.f.allowed[1]"),
        ("type: integer, allowed: »1", "wrong-type", "fields.f.allowed"),
        ("type: string, from: »a..b", "bad-value", "fields.f.from"),
        ("type: string, from: [a, »$hedder.x]", "bad-value", "fields.f.from[1]"),
        ("type: string, clean: [»trimm]", "bad-value", "fields.f.clean[0]"),
        ("type: string, clean: [{map: »x}]", "wrong-type", "fields.f.clean[0].map"),
        ("type: string, sensitive: »true", "bad-value", "fields.f.sensitive"),
        ("type: double, warn: {»mx: 1}", "unknown-key", "fields.f.warn.mx"),
        ("type: double, warn: {pattern: »x}", "wrong-type", "fields.f.warn.pattern"),
        ("type: timestamp, fail: {format: »iso}", "wrong-type", "fields.f.fail.format"),
        ("type: double, value: »f + 1", "unknown-field", "fields.f.value, character 1"),
        ("type: double, value: 1 + 1, from: »a", "contradiction", "fields.f.from"),
        ("type: double, value: 1 + 1, clean: »[trim]", "contradiction", "fields.f.clean"),
        ("type: object, fields: {»1a: {type: string}}", "bad-value", "fields.f.fields.1a"),
        ("type: object, fields: {a: »string}", "wrong-type", "fields.f.fields.a"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_where_it_stands(refused, field: str, code: str, path: str) -> None:
    assert refused(f"fields:\n  f: {{{field}}}\n") == [(code, path)]


def test_a_field_needs_a_type(refused) -> None:
    assert refused("fields:\n  »f: {required: true}\n") == [("missing-key", "fields.f")]


@pytest.mark.parametrize("name", ["PM2.5", "a b", "1st", "é", "_stillwell_x", "_STILLWELL"])
def test_a_name_is_one_that_every_sink_can_have_as_a_column(found, name: str) -> None:
    assert found(f"fields:\n  {name}: {{type: string}}\n") == [("bad-value", 4, 3, f"fields.{name}")]


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("float", "Did you mean `double`?"),
        ("Datetime", "Did you mean `timestamp`?"),
        ("strng", "Did you mean `string`?"),
        ("percnt", "Did you mean `percent`?"),
        ("'decimal(10, 2)'", "Write `type: decimal, precision: 10, scale: 2`."),
    ],
)
def test_an_unknown_type_gets_the_nearest_one(written: str, fix: str) -> None:
    from stillwell.contract.load import parse
    from stillwell.errors import ContractError

    text = f"contract: a\nversion: 1.0.0\ntypes: {{percent: {{type: double}}}}\nfields: {{f: {{type: {written}}}}}\n"
    with pytest.raises(ContractError) as caught:
        parse(text)
    assert [problem.fix for problem in caught.value.problems] == [fix]


def test_a_template_made_of_itself_is_refused(found) -> None:
    rest = "types: {a: {type: b}, b: {type: a}}\nfields: {f: {type: a}}\n"
    assert {code for code, *_ in found(rest)} == {"unknown-type"}


def test_a_templates_problem_is_said_once_at_the_template(found) -> None:
    rest = "types: {t: {type: double, min: x}}\nfields: {f: {type: t}, g: {type: t}}\n"
    assert found(rest) == [("bad-value", 3, 32, "types.t.min")]
