"""The one grammar by which text becomes a typed value, whatever engine, decoder or library version is below.

Lenient numbers: an optional sign, digits with at most one point (and `_` between digits), an optional exponent; blanks
around are ignored; `NaN`, infinities, hexadecimal and overflow are not numbers. An integer is a number without a
fractional part, so `5.0` is one and `1.5` is not. Lenient instants: ISO 8601 dates with time, optional fraction and
offset; without offset they are in the field's zone.

Strict (`parsing: strict`): numbers are those of JSON, integers digits only, instants those of RFC 3339, and a JSON
value must be of the kind that its field is: no number in a text, no text in a number.

Of a fraction six digits count. An hour that a zone skips is read with the offset before it, one that comes twice as the
later. Patterns are read strictly, `dd` is two digits. All instants lie in the years 1 to 9999 (UTC).

A JSON number with a point or an exponent is a double by the time it gets here: decimals of more than 15 digits keep
all of them only when they are written as strings.
"""

from __future__ import annotations

import re

from stillwell.contract.model import Field
from stillwell.kernel.sql import text

BLANK = "[ \\t\\r\\n\\v\\f]*"
DIGITS = "[0-9]+(_[0-9]+)*"
NUMBER = f"{BLANK}[+-]?({DIGITS}[.]?({DIGITS})?|[.]{DIGITS})([eE][+-]?{DIGITS})?{BLANK}"
STRICT_INTEGER = "-?(0|[1-9][0-9]*)"
STRICT_NUMBER = f"{STRICT_INTEGER}([.][0-9]+)?([eE][+-]?[0-9]+)?"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
SECOND = "[0-5][0-9](\\.[0-9]{1,9})?"
CLOCK = f"{MINUTE}(:{SECOND})?"
OFFSET = "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
STRICT_CLOCK = f"{MINUTE}:{SECOND}"
NAIVE = f"{DATE}[T ]{STRICT_CLOCK}"
MINUTES = f"{DATE}[T ]{MINUTE}{OFFSET}?"
STRICT_INSTANT = f"{DATE}T{STRICT_CLOCK}(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

LARGEST_DOUBLE = "1.7976931348623157e308"
EPOCH_MICROSECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_FIRST_INSTANT = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"
_LAST_INSTANT = "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "time": "TIME",
    "json": "VARCHAR",
}

_LETTERS = (
    ("yyyy", "%Y", "[0-9]{4}"),
    ("yy", "%y", "[0-9]{2}"),
    ("MM", "%m", "[0-9]{2}"),
    ("dd", "%d", "[0-9]{2}"),
    ("HH", "%H", "[0-9]{2}"),
    ("hh", "%I", "[0-9]{2}"),
    ("mm", "%M", "[0-9]{2}"),
    ("ss", "%S", "[0-9]{2}"),
    ("SSSSSS", "%f", "[0-9]{6}"),
    ("SSS", "%g", "[0-9]{3}"),
    ("XXX", "%z", "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"),
    ("XX", "%z", "(Z|[+-]([01][0-9]|2[0-3])[0-5][0-9])"),
    ("X", "%z", "(Z|[+-]([01][0-9]|2[0-3])([0-5][0-9])?)"),
    ("a", "%p", "[AaPp][Mm]"),
)
"""The letters of patterns: DuckDB's directive, and what it may read (by itself it also reads blanks and words)."""


def duckdb_type(field: Field) -> str:
    """The DuckDB type of a scalar field's values."""
    return f"DECIMAL({field.precision}, {field.scale})" if field.type == "decimal" else DUCKDB_TYPES[field.type]


def quick_cast(field: Field, value: str) -> str | None:
    """The cast that reads what most producers write, for a column of its own; None for types without."""
    if field.type in ("double", "integer"):
        return f"TRY_CAST({value} AS {duckdb_type(field)})"
    return f"TRY_CAST({value} AS TIMESTAMPTZ)" if field.type == "timestamp" and "iso" in field.parse_formats else None


def parse(field: Field, value: str, cast: str | None = None) -> str:
    """SQL that turns the text expression `value` into the field's scalar type, or NULL where it does not parse.

    `cast` is a column that holds its `quick_cast`, where there is one.
    """
    if field.type in ("string", "json"):
        return value
    if field.type == "boolean":
        word = value if field.strict else f"lower({value})"
        return f"CASE {word} WHEN 'true' THEN true WHEN 'false' THEN false END"
    if field.type in ("timestamp", "date", "time"):
        tries = [_parse_time(field, form, value, cast) for form in field.parse_formats]
        return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"
    number = f"WHEN {is_number(field, value)} THEN {_number(field, value if field.strict else bare(value))}"
    if quick := quick_cast(field, value):
        # Plain digits are what most numbers are, and need none of what the whole grammar needs.
        number = f"WHEN regexp_full_match({value}, {text(_PLAIN[field.type])}) THEN {cast or quick} {number}"
    return f"CASE {number} END"


_PLAIN = {"integer": "-?(0|[1-9][0-9]{0,17})", "double": "-?(0|[1-9][0-9]{0,14})([.][0-9]{1,15})?"}


def is_number(field: Field, value: str) -> str:
    """SQL that is true for the text of a number, or of an integer where integers are strict."""
    strict = STRICT_INTEGER if field.type == "integer" else STRICT_NUMBER
    return f"regexp_full_match({value}, {text(strict if field.strict else NUMBER)})"


def parse_json(field: Field, value: str, json: str, cast: str | None) -> str:
    """The same for the text `value` of a JSON value `json`: its numbers need no grammar, because JSON has one."""
    if field.strict:
        return f"CASE WHEN {of_kind(field, json)} THEN {parse(field, value, cast)} END"
    if field.type not in ("double", "integer"):
        return parse(field, value, cast)
    good = f"isfinite({cast})" if field.type == "double" else f"CAST({cast} AS VARCHAR) = {value}"
    return f"CASE WHEN NOT starts_with({json}, '\"') AND {good} THEN {cast} ELSE {parse(field, value)} END"


def of_kind(field: Field, json: str) -> str:
    """SQL that is true where a JSON value is of the kind, text or not, in which a strict field is written."""
    quoted = f"starts_with({json}, '\"')"
    if field.type in ("timestamp", "date", "time"):
        kinds = {form in EPOCH_MICROSECONDS for form in field.parse_formats}
        return "true" if len(kinds) == 2 else f"NOT {quoted}" if kinds == {True} else quoted
    return quoted if field.type == "string" else f"NOT {quoted}"


def bare(value: str) -> str:
    """SQL of a number's text without blanks and digit separators."""
    return f"replace(trim({value}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '_', '')"


def _number(field: Field, value: str) -> str:
    as_double = f"TRY_CAST({value} AS DOUBLE)"
    if field.type == "double":
        return f"CASE WHEN isfinite({as_double}) THEN {as_double} END"
    scale = 0 if field.type == "integer" else field.scale or 0
    kind = "DECIMAL(38, 0)" if field.type == "integer" else duckdb_type(field)
    # A cast rounds: digits beyond the scale must be zeros.
    exact = f"TRY_CAST({value} AS {kind})"
    # With an exponent the digits before it may be more than fit in the end, or all be zeros.
    wide = f"TRY_CAST(TRY_CAST({value} AS DECIMAL(38, {scale})) AS {kind})"
    number = (
        f"CASE WHEN regexp_full_match({value}, '[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?') THEN {exact} "
        f"WHEN regexp_full_match({value}, '[+-]?[0.]+[eE].*') THEN CAST(0 AS {kind}) "
        f"WHEN contains(lower({value}), 'e') AND {_places(value)} <= {scale} THEN {wide} END"
    )
    return f"TRY_CAST({number} AS BIGINT)" if field.type == "integer" else number


def _places(value: str) -> str:
    """SQL of how many places after the point a number with an exponent has; at most 0 for zero."""
    mantissa, exponent = (f"split_part(lower({value}), 'e', {part})" for part in (1, 2))
    digits = f"replace(ltrim({mantissa}, '+-'), '.', '')"
    zeros = f"(length({digits}) - length(rtrim({digits}, '0')))"
    places = f"length(split_part({mantissa}, '.', 2)) - TRY_CAST({exponent} AS INTEGER) - {zeros}"
    return f"(CASE WHEN {zeros} = length({digits}) THEN 0 ELSE {places} END)"


def _parse_time(field: Field, form: str, value: str, cast: str | None) -> str:
    if form in EPOCH_MICROSECONDS:
        number = bare(value)
        # What rounds to nothing may have an exponent that no decimal can have.
        count = (
            f"CASE WHEN abs(TRY_CAST({number} AS DOUBLE)) < 4e-10 THEN 0 ELSE TRY_CAST({number} AS DECIMAL(29, 9)) END"
        )
        micros = (
            f"CASE WHEN {is_number(field, value)} THEN "
            f"TRY_CAST(round({count} * {EPOCH_MICROSECONDS[form]}) AS BIGINT) END"
        )
        # Beyond the year 9999 nothing can be written back as ISO, so it is no timestamp.
        moment = (
            f"CASE WHEN {micros} BETWEEN -62135596800000000 AND 253402300799999999 THEN make_timestamptz({micros}) END"
        )
        return _of_instant(field, moment)
    if form != "iso":
        return _parse_pattern(field, form, value)
    if field.type == "date":
        shape = f"regexp_full_match({value}, {text(DATE)}) AND {value} >= '0001'"
        return f"CASE WHEN {shape} THEN TRY_CAST({value} AS DATE) END"
    if field.type == "time":
        clock = STRICT_CLOCK if field.strict else CLOCK
        return f"CASE WHEN regexp_full_match({value}, {text(clock)}) THEN TRY_CAST({value} AS TIME) END"
    instant, naive = cast or f"TRY_CAST({value} AS TIMESTAMPTZ)", _in_zone(field, f"TRY_CAST({value} AS TIMESTAMP)")
    if field.strict:
        shape = f"regexp_full_match({value}, {text(STRICT_INSTANT)})"
        return f"CASE WHEN {shape} AND {in_years(instant)} THEN {instant} END"
    return (
        f"CASE WHEN {common_instant(value, instant)} THEN {instant} "
        f"WHEN regexp_full_match({value}, {text(NAIVE + OFFSET)}) AND {in_years(instant)} THEN {instant} "
        f"WHEN regexp_full_match({value}, {text(NAIVE)}) AND {in_years(naive)} THEN {naive} "
        f"WHEN regexp_full_match({value}, {text(MINUTES)}) THEN {_parse_minutes(field, value)} END"
    )


def _parse_minutes(field: Field, value: str) -> str:
    """The instant of a text without seconds, which casts of DuckDB 1 do not read."""
    whole = f"(left({value}, 16) || ':00' || substring({value}, 17))"
    instant = f"TRY_CAST({whole} AS TIMESTAMPTZ)"
    naive = _in_zone(field, f"TRY_CAST({whole} AS TIMESTAMP)")
    moment = f"CASE WHEN length({value}) > 16 THEN {instant} ELSE {naive} END"
    return f"CASE WHEN {in_years(moment)} THEN {moment} END"


def common_instant(value: str, instant: str) -> str:
    """SQL that is true for instants as most producers write them, quicker than a regular expression.

    `instant` is the text `value` cast; what is not true or NULL here may still be a timestamp.
    """
    # In this shape, without blanks and with no point before the Z, all that casts is digits.
    shape = f"{value} LIKE '____-__-__T__:__:__%Z' AND strlen({value}) BETWEEN 20 AND 30 AND strlen({value}) != 21"
    # Only 24:00 would be midnight too.
    return f"{shape} AND NOT contains({value}, ' ') AND {value} >= '0001' AND epoch_us({instant}) % 86400000000 != 0"


def in_years(instant: str) -> str:
    """SQL that is true when an instant lies in the years that can be written as ISO 8601, and in any zone."""
    return f"{instant} BETWEEN {_FIRST_INSTANT} AND {_LAST_INSTANT}"


def _in_zone(field: Field, naive: str) -> str:
    return f"timezone({text(field.zone)}, {naive})"


def _parse_pattern(field: Field, form: str, value: str) -> str:
    directive, shape, position = "", "", 0
    while position < len(form):
        for letters, code, written in _LETTERS:
            if form.startswith(letters, position):
                directive += code
                shape += written
                position += len(letters)
                break
        else:
            directive += form[position].replace("%", "%%")
            shape += re.escape(form[position])
            position += 1
    if "%z" in directive:
        # DuckDB reads an offset, but not its short form.
        instant = f"try_strptime(replace({value}, 'Z', '+00:00'), {text(directive)})"
    else:
        instant = _in_zone(field, f"try_strptime({value}, {text(directive)})")
    moment = f"CASE WHEN regexp_full_match({value}, {text(shape)}) AND {in_years(instant)} THEN {instant} END"
    return _of_instant(field, moment)


def _of_instant(field: Field, instant: str) -> str:
    return instant if field.type == "timestamp" else f"CAST(timezone('UTC', {instant}) AS {duckdb_type(field)})"
