"""A rule's expression is one pure SQL expression over known names, spelled as the contract spells them."""

from __future__ import annotations

from contextlib import suppress

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.expression import BadExpression, Scope, parse
from stillwell.contract.functions import FUNCTIONS
from stillwell.contract.model import Field, Lookup

DEEP = Field("Child", "object", fields=(Field("deep", "string"),))
SCOPE = Scope(
    (
        *(Field(name, "double") for name in ("Temperature", "humidity", "a", "b")),
        Field("s", "string"),
        Field("ok", "boolean"),
        Field("t", "timestamp"),
        Field("obj", "object", fields=(DEEP,)),
        Field("tags", "array", items=Field("", "object", fields=(Field("price", "double"),))),
        Field("l", "array", items=Field("", "integer")),
        Field("j", "json"),
    ),
    (Lookup("sites", ("s",), (Field("zone", "string"),)),),
    {"Temperature": 9},
)


@pytest.mark.parametrize(
    ("text", "sql", "fields"),
    [
        (
            "not (temperature > 60 and HUMIDITY > 95)",
            'NOT ("Temperature" > 60 AND "humidity" > 95)',
            ("Temperature", "humidity"),
        ),
        ("s in ('x', 'y')", "\"s\" IN ('x', 'y')", ("s",)),
        ("b > a", '"b" > "a"', ("b", "a")),
        ("ok", '"ok"', ("ok",)),
        ("obj.child.DEEP = 'x'", '"obj"."Child"."deep" = \'x\'', ("obj",)),
        ("tags[1].Price > 2", '"tags"[1]."price" > 2', ("tags",)),
        ("now - t < interval 1 hour", '"_stillwell_now" - "t" < INTERVAL \'1\' HOUR', ("t",)),
        ("a > 1 -- why", '"a" > 1', ("a",)),
        ("s = 'a;b'", "\"s\" = 'a;b'", ("s",)),
    ],
)
def test_names_are_quoted_and_spelled_as_declared(text: str, sql: str, fields: tuple[str, ...]) -> None:
    found = parse(text, SCOPE)
    assert (found.sql, found.fields) == (sql, fields)


def test_a_column_of_a_lookup_is_kept_and_named() -> None:
    found = parse("sites.ZONE = s", SCOPE)
    assert (found.sql, found.fields, found.lookups) == ('"sites"."zone" = "s"', ("s",), ("sites",))


def faults(text: str) -> list[tuple[str, int]]:
    with pytest.raises(BadExpression) as caught:
        parse(text, SCOPE)
    return [(fault.code, fault.character) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("temprature > 1 and humidty > 2", [("unknown-field", 1), ("unknown-field", 20)]),
        ("obj.chld = 1", [("unknown-field", 5)]),
        ("tags[1].prise > 2", [("unknown-field", 9)]),
        ("sites.zon = 'x'", [("unknown-field", 7)]),
        ("sites = 'x'", [("unknown-field", 1)]),
        ("a.x = 1", [("unknown-field", 3)]),
        ("_stillwell_now > t", [("unknown-field", 1)]),
        ("lenght(s) > 1", [("unknown-function", 1)]),
        ("a > random()", [("unknown-function", 5)]),
        ("t < now()", [("unknown-function", 5)]),
        ("t < current_date", [("unknown-function", 5)]),
        ("t < current_timestamp", [("unknown-function", 5)]),
        ("s = current_user", [("unknown-function", 5)]),
        ("age(t) > interval 1 day", [("unknown-function", 1)]),
        ("sum(a) > 1", [("unknown-function", 1)]),
        ("read_csv('x') = 1", [("unknown-function", 1)]),
        ("\"read_text\"('x') = 1", [("unknown-function", 1)]),
        ("getenv('HOME') = s", [("unknown-function", 1)]),
        ("columns('a') > 1", [("unknown-function", 1)]),
        ("unnest(l) = 1", [("unknown-function", 1)]),
        ("sum(a) over () > 1", [("unknown-function", 1), ("unknown-function", 8)]),
        ("(select 1) = 1", [("bad-expression", 9)]),
        ("a in (select b from c)", [("bad-expression", 14)]),
        ("a; b", [("bad-expression", 3)]),
        ("a > 1; drop table x", [("bad-expression", 8)]),
        ("a b", [("bad-expression", 3)]),
        ("a > 1 as b", [("bad-expression", 7)]),
        ("a > 1 limit 1", [("bad-expression", 7)]),
        ("a >", [("bad-expression", 3)]),
        ("", [("bad-expression", 1)]),
        ("s = 'un", [("bad-expression", 1)]),
        ("* > 1", [("bad-expression", 1)]),
        ("a = $1", [("bad-expression", 1)]),
        ("s ~ 'x'", [("bad-expression", 3)]),
        ("a::int > 1", [("bad-expression", 1)]),
        ("cast(s as int) > 1", [("bad-expression", 6)]),
        ("s.lower() = 'x'", [("bad-expression", 1)]),
        ("s collate nocase = 'x'", [("bad-expression", 1)]),
        ("regexp_matches(s, lower(s))", [("bad-expression", 19)]),
        ("regexp_full_match(lower(s), '(?=x)')", [("bad-expression", 29)]),
        ("a", [("wrong-type", 1)]),
        ("a + 1", [("wrong-type", 1)]),
        ("'x'", [("wrong-type", 1)]),
    ],
)
def test_what_no_rule_may_hold_is_refused_at_its_character(text: str, expected: list[tuple[str, int]]) -> None:
    assert faults(text) == expected


def test_the_nearest_field_comes_with_its_line() -> None:
    with pytest.raises(BadExpression) as caught:
        parse("temprature > 1", SCOPE)
    assert caught.value.faults[0].fix == "Nearest: `Temperature` (line 9)."


def test_a_value_may_be_asked_for_instead_of_a_truth() -> None:
    assert parse("a + 1", SCOPE, boolean=False).sql == '"a" + 1'


def test_a_field_called_now_is_that_field() -> None:
    assert parse("now > 1", Scope((Field("now", "double"),))).fields == ("now",)


CALLS = {
    **dict.fromkeys(("acos", "asin", "atan", "cos", "exp", "radians", "degrees", "sin", "tan"), "{f}(a / 10)"),
    **dict.fromkeys(
        ("abs", "cbrt", "ceil", "ceiling", "floor", "isfinite", "isinf", "isnan", "round", "sign"), "{f}(a)"
    ),
    **dict.fromkeys(("ln", "log", "log10", "sqrt", "trunc"), "{f}(a)"),
    **dict.fromkeys(("atan2", "greatest", "least", "mod", "pow", "power", "ifnull", "nullif", "coalesce"), "{f}(a, b)"),
    **dict.fromkeys(("ascii", "length", "lower", "ltrim", "reverse", "rtrim", "strip_accents"), "{f}(s)"),
    **dict.fromkeys(("strlen", "trim", "unicode", "upper"), "{f}(s)"),
    **dict.fromkeys(
        ("contains", "ends_with", "instr", "jaccard", "jaro_winkler_similarity", "levenshtein"), "{f}(s, 'é')"
    ),
    **dict.fromkeys(("prefix", "suffix", "starts_with", "strpos"), "{f}(s, 'é')"),
    **dict.fromkeys(("left", "right"), "{f}(s, 2)"),
    **dict.fromkeys(("lpad", "rpad"), "{f}(s, 9, 'x')"),
    **dict.fromkeys(("substr", "substring"), "{f}(s, 2, 3)"),
    **dict.fromkeys(("regexp_matches", "regexp_full_match"), "{f}(s, '[a-z é]+')"),
    **dict.fromkeys(("replace", "translate"), "{f}(s, 'é', 'e')"),
    **dict.fromkeys(("date_diff", "datediff"), "{f}('hour', t, timestamp '2024-03-01')"),
    **dict.fromkeys(("day", "dayofweek", "dayofyear", "epoch", "epoch_ms", "epoch_us", "hour", "isodow"), "{f}(t)"),
    **dict.fromkeys(("last_day", "minute", "month", "quarter", "second", "week", "year"), "{f}(t)"),
    **dict.fromkeys(("array_contains", "list_contains", "list_position"), "{f}(l, 2)"),
    **dict.fromkeys(("array_length", "len", "list_avg", "list_max", "list_min", "list_sum", "list_unique"), "{f}(l)"),
    **dict.fromkeys(("list_has_all", "list_has_any"), "{f}(l, [2, 3])"),
    "list_distinct": "len(list_distinct(l))",
    "list_extract": "list_extract(l, 2)",
    "pi": "pi()",
    "concat": "concat(s, 'x')",
    "concat_ws": "concat_ws('-', s, 'x')",
    "hamming": "hamming(s, s)",
    "position": "position('é' in s)",
    "regexp_extract": "regexp_extract(s, '([a-z]+) (.*)', 2)",
    "regexp_replace": "regexp_replace(s, '[aeiou]', '-')",
    "split_part": "split_part(s, ' ', 2)",
    "date_part": "date_part('minute', t)",
    "date_trunc": "date_trunc('day', t)",
    "extract": "extract(month from t)",
    "cast": "cast('2024-01-01' as timestamp)",
    "try_cast": "try_cast(s as decimal(10, 2))",
    "if": "if(ok, a, b)",
    "struct_extract": "struct_extract(obj, 'Child').deep",
    "json_array_length": "json_array_length(j)",
    "json_extract_string": "json_extract_string(j, '$[0]')",
    "json_type": "json_type(j)",
    "json_valid": "json_valid(j)",
}

ROW = """
    SELECT 7.25::DOUBLE AS a, 2.5::DOUBLE AS b, 'caf é' AS s, true AS ok, TIMESTAMPTZ '2024-02-29 13:14:15+00' AS t,
           {'Child': {'deep': 'x'}} AS obj, [1, 2, 2] AS l, '["p", 2]' AS j
"""


def test_every_listed_function_has_its_example() -> None:
    assert set(CALLS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_emitted_means_what_was_written(name: str) -> None:
    """The SQL that goes to the kernel gives the value that DuckDB gives for the text itself."""
    text = CALLS[name].format(f=name)
    emitted = parse(text, SCOPE, boolean=False).sql
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        both = connection.execute(f"SELECT ({text})::VARCHAR, ({emitted})::VARCHAR FROM ({ROW})").fetchall()[0]
    assert both[0] == both[1]
    assert both[0] is not None or name == "try_cast"


@pytest.mark.parametrize(
    "text",
    [
        "a % 2 = 1.25", "a // 2 = 3", "a / 2 = 3.625", "a ** 2 > 52", "s || 'x' = 'caf éx'", "a between 7 and 8",
        "s like 'c%!%' escape '!'", "s ilike 'CAF%'", "a is distinct from b", "a is not distinct from null",
        "case when ok then a else b end > 7", "not ok or a > b and b > 1", "l[1] = 1", "l[2:3] = [2, 2]",
        "obj['Child'].deep = 'x'", "t - interval 1 day < timestamptz '2024-02-29 00:00:00Z'", "-a < - -b",
        "s not in ('x', 'y')", "a in (7.25)", "(a > 1) = ok", "t at time zone 'UTC' > timestamp '2024-01-01'",
        "'it''s' <> s", "a >= 1e-3", "s is null or s <> ''", "try_cast(s as double) is null", "0.1 + 0.2 = 0.3",
    ],
)  # fmt: skip
def test_operators_mean_what_was_written(text: str) -> None:
    emitted = parse(text, SCOPE).sql
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        both = connection.execute(f"SELECT {text}, {emitted} FROM ({ROW})").fetchall()[0]
    assert both[0] is both[1]
    assert isinstance(both[0], bool)


@given(st.text(alphabet="ab s(),.+-*/<>='\"[]{};:$?~!@ 1selectfromnot", max_size=25))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with suppress(BadExpression):
        assert parse(text, SCOPE).sql
