"""A field's way: default, missing, clean, type, constraints, each with its repair; objects and arrays likewise."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from stillwell.errors import ContractError
from stillwell.kernel import Kernel
from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED
from tests.kernel.records import broken, contract, judge, outcomes, reasons, values


def records(*members):
    return [json.dumps(one).encode() for one in members]


def of(definition, *raw):
    """The values of a field `a` with this definition."""
    return values(f"fields: {{a: {definition}}}", records(*({"a": one} for one in raw)), "a")


def test_a_default_is_for_what_is_absent_and_null_stays_null():
    rest = "fields: {a: {type: integer, default: 7}}"
    assert values(rest, records({}, {"a": None}, {"a": 1}), "a") == [7, None, 1]
    assert judge(rest, records({})).verdicts.to_pylist() == [ACCEPTED]


def test_a_default_is_a_value_of_the_type_whatever_the_payload_would_write():
    rest = """
fields:
  a: {type: timestamp, format: epoch_s, default: 2024-01-01T00:00:00Z}
  b: {type: date, format: dd.MM.yyyy, default: 2024-01-31}
  c: {type: double, clean: [decimal_comma], default: 1.5}
  d: {type: json, default: '{"x": 1}'}
  e: {type: decimal, precision: 6, scale: 2, default: 100}
  f: {type: boolean, default: true}
  g: {type: string, default: 'a"b', missing: ['a"b']}
  h: {type: time, default: '08:30'}
"""
    [found] = outcomes(judge(rest, records({})))
    assert found.verdict == ACCEPTED
    assert found.values == {
        "a": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        "b": dt.date(2024, 1, 31),
        "c": 1.5,
        "d": '{"x": 1}',
        "e": Decimal(100),
        "f": True,
        "g": 'a"b',
        "h": dt.time(8, 30),
    }


def test_a_default_counts_as_a_value():
    tally = judge("fields: {a: {type: integer, default: 7, required: true}}", records({}, {"a": None})).tally
    assert (tally.fields["a"].null.tolist(), tally.failures()) == ([1], {"a.required": 1})


def test_missing_texts_mean_null_in_every_field_and_numbers_compare_as_numbers():
    rest = "missing: ['-', n/a]\nfields: {a: {type: double, missing: ['-200']}, b: {type: string}, c: {type: double, missing: ['-200'], clean: [decimal_comma]}}"
    assert values(rest, records({"a": "-"}, {"a": -200}, {"a": "-200.00"}, {"a": "-2e2"}, {"a": -201}), "a") == [
        None
    ] * 4 + [-201.0]
    assert values(rest, records({"b": "n/a"}, {"b": "-200"}, {"b": " n/a"}), "b") == [None, "-200", " n/a"]
    assert values(rest, records({"c": "-200,0"}, {"c": "-20,0"}), "c") == [None, -20.0]


def test_words_that_are_no_numbers_of_ours_may_be_missing_values_of_a_number():
    assert of("{type: integer, missing: [inf, nan, '١٢', '1e400', '']}", "inf", "nan", "١٢", "", 12) == [None] * 4 + [
        12
    ]


@pytest.mark.parametrize(
    ("steps", "raw", "clean"),
    [
        ("[trim]", "\t a b \r\n", "a b"),
        ("[squeeze]", "  a \t\n b  ", "a b"),
        ("[lower]", "ÄbC", "äbc"),
        ("[upper]", "äbC", "ÄBC"),
        ("[{map: {yes: 'true', n/a: ''}}]", "yes", "true"),
        ("[{map: {yes: 'true'}}]", "Yes", "Yes"),
        ("[trim, lower, {map: {n: no}}]", " N ", "no"),
    ],
)
def test_clean_changes_the_text_in_the_order_of_its_steps(steps, raw, clean):
    assert of(f"{{type: string, clean: {steps}}}", raw, None) == [clean, None]


def test_clean_makes_numbers_of_texts_with_units_and_commas():
    assert of("{type: double, unit: °C, clean: [strip_unit]}", "21.5 °C", "21.5°C ", "21.5", "21.5 K") == [
        21.5,
        21.5,
        21.5,
        ...,
    ]
    assert of("{type: double, clean: [decimal_comma]}", "1.234,5", "12,5", "1.234") == [1234.5, 12.5, 1234.0]


def test_a_number_of_json_has_its_point_already():
    assert of("{type: double, clean: [decimal_comma]}", 1.5, 1e-5, -200) == [1.5, 1e-5, -200.0]


REPAIRS = [
    ("{type: double, min: 0, max: 10, repair: {range: clamp}}", -5, 0.0, "a.range", "-5.0"),
    ("{type: integer, min: 0, max: 10, repair: {range: clamp}}", 50, 10, "a.range", "50"),
    (
        "{type: date, max: 2024-01-01, repair: {range: clamp}}",
        "2024-06-01",
        dt.date(2024, 1, 1),
        "a.range",
        "2024-06-01",
    ),
    ("{type: double, max: 10, repair: {range: clear}}", 50, None, "a.range", "50.0"),
    ("{type: double, repair: {type: clear}}", "12x", None, "a.type", "12x"),
    ("{type: double, repair: {type: {value: 1.5}}}", "12x", 1.5, "a.type", "12x"),
    ("{type: string, max_length: 2, repair: {length: truncate}}", "abc", "ab", "a.length", "abc"),
    ("{type: string, max_length: 2, repair: {length: truncate}}", "é😀x", "é😀", "a.length", "é😀x"),
    ("{type: string, pattern: '[a-z]', repair: {pattern: {value: x}}}", "?", "x", "a.pattern", "?"),
    ("{type: string, format: ipv4, repair: {format: clear}}", "?", None, "a.format", "?"),
    ("{type: string, allowed: [a, b], repair: {allowed: {value: b}}}", "c", "b", "a.allowed", "c"),
    ("{type: string, required: true, repair: {required: {value: x}}}", None, "x", "a.required", None),
    (
        "{type: array, items: {type: integer}, max_items: 1, repair: {length: clear}}",
        [1, 2],
        None,
        "a.length",
        "[1, 2]",
    ),
]


@pytest.mark.parametrize(("definition", "raw", "after", "rule", "before"), REPAIRS)
def test_a_repair_mends_the_value_and_records_what_it_was(definition, raw, after, rule, before):
    judged = judge(f"fields: {{a: {definition}}}", records({"a": raw}))
    [found] = outcomes(judged)
    assert (found.verdict, found.values, found.rules) == (WARNED, {"a": after}, set())
    assert found.repairs == {(rule, before)}
    assert judged.tally.count("repaired") == 1
    assert judged.tally.rules[rule].repaired.tolist() == [1]
    assert judged.accepted["_stillwell"].to_pylist()[0]["repairs"][0]["field"] == "a"


@pytest.mark.parametrize(("definition", "raw", "after", "rule", "before"), REPAIRS)
def test_a_repair_leaves_good_values_alone(definition, raw, after, rule, before):
    if after is not None:
        good = after.isoformat() if isinstance(after, dt.date) else after
        [found] = outcomes(judge(f"fields: {{a: {definition}}}", records({"a": good})))
        assert (found.verdict, found.repairs) == (ACCEPTED, set())


def test_what_was_moved_must_satisfy_the_other_constraints():
    short = "fields: {a: {type: string, min_length: 3, max_length: 5, repair: {length: truncate}}}"
    assert broken(short, records({"a": "ab"}, {"a": "abcdef"})) == [{"a.length"}, set()]
    shaped = "fields: {a: {type: string, pattern: '([a-z]{2})*', max_length: 3, repair: {length: truncate}}}"
    assert broken(shaped, records({"a": "abcd"}, {"a": "ab"})) == [{"a.pattern"}, set()]


def test_constraints_after_a_repair_see_the_mended_value():
    rest = "fields: {a: {type: string, pattern: '[a-z]*', max_length: 3, required: true, repair: {pattern: clear, required: {value: abcd}}}}"
    # Lint would refuse a constant that is too long if it could be judged here: the order of judging is fixed.
    rest = rest.replace("abcd", "abc")
    [found] = outcomes(judge(rest, records({"a": "TOO LONG"})))
    assert (found.values, {rule for rule, _ in found.repairs}) == ({"a": "abc"}, {"a.pattern", "a.required"})


def test_warn_and_fail_see_the_repaired_value():
    rest = "fields: {a: {type: double, max: 100, repair: {range: clamp}, warn: {max: 50}, fail: {min: 0}}}"
    found = outcomes(judge(rest, records({"a": 500}, {"a": 20}, {"a": -1})))
    assert [one.rules for one in found] == [{"a.warn.range"}, set(), {"a.fail.range"}]
    assert [one.verdict for one in found] == [WARNED, ACCEPTED, QUARANTINED]


def test_a_record_that_is_rejected_for_another_field_shows_no_repairs_but_counts_them():
    rest = "fields: {a: {type: double, max: 1, repair: {range: clamp}}, b: {type: integer}}"
    judged = judge(rest, records({"a": 5, "b": "x"}))
    assert judged.verdicts.to_pylist() == [QUARANTINED]
    assert judged.tally.count("repaired") == 0
    assert judged.tally.rules["a.range"].repaired.tolist() == [1]


def test_required_means_neither_absent_nor_null():
    rest = "fields: {a: {type: integer, required: true}}"
    assert broken(rest, records({}, {"a": None}, {"a": "x"}, {"a": 0})) == [
        {"a.required"},
        {"a.required"},
        {"a.type"},
        set(),
    ]


OBJECT = """
fields:
  o:
    type: object
    fields:
      x: {type: integer, required: true, min: 0}
      y: {type: string, from: [y, why], max_length: 3, repair: {length: truncate}}
      z: {type: object, fields: {t: {type: timestamp, warn: {max: now}}, n: {type: double, default: 0.5}}}
"""


def test_an_object_is_a_struct_whose_members_are_judged_by_their_own_names():
    found = outcomes(
        judge(
            OBJECT,
            records(
                {"o": {"x": "5", "why": "abcd", "z": {"t": "2024-06-01T12:00:00Z"}}},
                {"o": {"x": -1, "z": {"t": "soon"}}},
                {"o": {}},
                {"o": None},
                {},
                {"o": [1]},
                {"o": "{}"},
                {"o": {"x": 1, "z": {"t": "2030-01-01T00:00:00Z"}}},
            ),
        )
    )
    assert found[0].values == {
        "o": {"x": 5, "y": "abc", "z": {"t": dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC), "n": 0.5}}
    }
    assert found[0].repairs == {("o.y.length", "abcd")}
    assert [one.rules for one in found] == [
        set(),
        {"o.x.range", "o.z.t.type"},
        {"o.x.required"},
        set(),
        set(),
        {"o.type"},
        {"o.type"},
        {"o.z.t.warn.range"},
    ]
    assert found[3].values == found[4].values == {"o": None}


ARRAY = """
missing: ['-']
fields:
  tags:
    {type: array, min_items: 1, max_items: 3, items: {type: integer, min: 0, required: true}}
  rows:
    {type: array, items: {type: object, fields: {q: {type: integer, required: true, default: 1}, p: {type: string, from: [p, r], pattern: '[a-z]*'}}}}
  grid: {type: array, items: {type: array, items: {type: double, max: 9}}}
"""


def test_an_array_holds_typed_elements_and_a_reason_says_which_is_bad():
    members = records(
        {"tags": [1, "2", " 3 "]},
        {"tags": []},
        {"tags": [1, 2, 3, 4]},
        {"tags": [1, -5, -6]},
        {"tags": [1, None]},
        {"tags": [1, "-"]},
        {"tags": [0, 1.5]},
        {"tags": {"a": 1}},
        {"tags": None},
    )
    judged = judge(ARRAY, members)
    assert judged.accepted["tags"].to_pylist() == [[1, 2, 3], None]
    assert [(one["rule"], one["field"], one["seen"]) for one in reasons(judged)] == [
        ("tags.length", "tags", "[]"),
        ("tags.length", "tags", "[1,2,3,4]"),
        ("tags[].range", "tags[1]", "[1,-5,-6]"),
        ("tags[].required", "tags[1]", "[1,null]"),
        ("tags[].required", "tags[1]", '[1,"-"]'),
        ("tags[].type", "tags[1]", "[0,1.5]"),
        ("tags.type", "tags", '{"a":1}'),
    ]


def test_elements_may_be_objects_and_arrays():
    members = records(
        {"rows": [{"q": 2, "p": "a"}, {"r": "b"}, None]},
        {"rows": [{"q": None}, {}]},
        {"rows": [{"p": "A"}, 5]},
        {"grid": [[1, "2"], [], None]},
        {"grid": [[1], [10]]},
        {"grid": [[1], 5, ["x"]]},
    )
    judged = judge(ARRAY, members)
    assert judged.accepted["rows"].to_pylist() == [[{"q": 2, "p": "a"}, {"q": 1, "p": "b"}, None], None]
    assert judged.accepted["grid"].to_pylist() == [None, [[1.0, 2.0], [], None]]
    assert [(one["rule"], one["field"]) for one in reasons(judged)] == [
        ("rows[].q.required", "rows[0].q"),
        ("rows[].type", "rows[1]"),
        ("rows[].p.pattern", "rows[0].p"),
        ("grid[][].range", "grid[1][]"),
        ("grid[].type", "grid[1]"),
        ("grid[][].type", "grid[2][]"),
    ]


def test_elements_of_an_array_cannot_be_repaired():
    with pytest.raises(ContractError) as caught:
        Kernel(contract("fields: {a: {type: array, items: {type: integer, max: 5, repair: {range: clamp}}}}"))
    assert [one.code for one in caught.value.problems] == ["not-supported"]


def test_json_is_kept_as_it_is_whatever_it_is():
    found = of("{type: json}", {"x": [1, None]}, [1], "a", 5, True, None)
    assert [one if one is None else json.loads(one) for one in found] == [{"x": [1, None]}, [1], "a", 5, True, None]


def test_a_computed_value_is_judged_like_one_that_was_read():
    rest = """
fields:
  day: {type: string}
  clock: {type: string}
  n: {type: integer}
  at: {type: timestamp, value: "day || ' ' || clock", required: true}
  half: {type: double, value: 'n / 2', max: 10, repair: {range: clamp}}
  word: {type: integer, value: 'day'}
"""
    judged = judge(rest, records({"day": "2024-06-01", "clock": "12:00", "n": 5}, {"day": "1", "clock": "x", "n": 50}))
    found = outcomes(judged)
    assert [one.rules for one in found] == [{"word.type"}, {"at.type"}]
    [good] = outcomes(
        judge(
            rest.replace("  word: {type: integer, value: 'day'}\n", ""),
            records({"day": "2024-06-01", "clock": "12:00", "n": 50}),
        )
    )
    assert good.values["at"] == dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
    assert (good.values["half"], good.repairs) == (10.0, {("half.range", "25.0")})
