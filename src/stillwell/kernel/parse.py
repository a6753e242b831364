"""The one grammar by which text becomes a typed value, whatever engine, decoder or library version is below.

Numbers: an optional sign, digits with at most one point (and `_` between digits), an optional exponent; blanks around are
ignored; `NaN`, infinities, hexadecimal and overflow are not numbers. An integer is a number without a fractional part, so `5.0` is one and
`1.5` is not. Timestamps: ISO 8601 dates with time, optional fraction and offset; without offset they are in the field's zone.
"""

from __future__ import annotations

from stillwell.contract.model import Field
from stillwell.kernel.sql import text

BLANK = "[ \\t\\r\\n\\v\\f]*"
DIGITS = "[0-9]+(_[0-9]+)*"
NUMBER = f"{BLANK}[+-]?({DIGITS}[.]?({DIGITS})?|[.]{DIGITS})([eE][+-]?{DIGITS})?{BLANK}"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?"
OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])"
NAIVE = f"{DATE}[T ]{CLOCK}"

LARGEST_DOUBLE = "1.7976931348623157e308"
EPOCH_MICROSECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
FIRST_INSTANT = "TIMESTAMPTZ '0001-01-01 00:00:00+00'"

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

EXPECTED = {
    "string": "text",
    "integer": "an integer",
    "double": "a number",
    "decimal": "a decimal",
    "boolean": "true or false",
    "timestamp": "a timestamp",
    "date": "a date",
    "time": "a time of day",
    "object": "an object",
    "array": "an array",
    "json": "JSON",
}

_STRFTIME = (
    ("yyyy", "%Y"),
    ("yy", "%y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SSSSSS", "%f"),
    ("SSS", "%g"),
    ("XXX", "%z"),
    ("XX", "%z"),
    ("X", "%z"),
    ("a", "%p"),
)


def duckdb_type(field: Field) -> str:
    """The DuckDB type of a scalar field's values."""
    return f"DECIMAL({field.precision}, {field.scale})" if field.type == "decimal" else DUCKDB_TYPES[field.type]


def parse(field: Field, value: str) -> str:
    """SQL that turns the text expression `value` into the field's scalar type, or NULL where it does not parse."""
    if field.type in ("string", "json"):
        return value
    if field.type == "boolean":
        return f"CASE lower({value}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if field.type in ("timestamp", "date", "time"):
        tries = [_parse_time(field, form, value) for form in field.parse_formats]
        return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"
    return f"CASE WHEN regexp_full_match({value}, {text(NUMBER)}) THEN {_number(field, bare(value))} END"


def parse_json(field: Field, value: str, json: str) -> str:
    """The same for the text `value` of a JSON value `json`: its numbers need no grammar, because JSON has one."""
    if field.type == "double":
        quick, good = f"TRY_CAST({value} AS DOUBLE)", "isfinite({0})"
    elif field.type == "integer":
        quick, good = f"TRY_CAST({value} AS BIGINT)", f"CAST({{0}} AS VARCHAR) = {value}"
    else:
        return parse(field, value)
    bare_number = f"NOT starts_with({json}, '\"') AND {good.format(quick)}"
    return f"CASE WHEN {bare_number} THEN {quick} ELSE {parse(field, value)} END"


def bare(value: str) -> str:
    """SQL of a number's text without blanks and digit separators."""
    return f"replace(trim({value}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '_', '')"


def _number(field: Field, value: str) -> str:
    as_double = f"TRY_CAST({value} AS DOUBLE)"
    if field.type == "double":
        return f"CASE WHEN isfinite({as_double}) THEN {as_double} END"
    if field.type == "integer":
        # A cast to BIGINT rounds; it is exact only for digits, everything else must be whole as a double.
        return (
            f"CASE WHEN regexp_full_match({value}, '[+-]?[0-9]+') THEN TRY_CAST({value} AS BIGINT) "
            f"WHEN {as_double} = trunc({as_double}) THEN TRY_CAST({as_double} AS BIGINT) END"
        )
    scale = field.scale or 0
    exact = f"TRY_CAST({value} AS {duckdb_type(field)})"
    of_double = f"TRY_CAST({as_double} AS {duckdb_type(field)})"
    # Digits beyond the scale would be rounded away in silence: then it is not this decimal.
    return (
        f"CASE WHEN regexp_full_match({value}, '[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?') THEN {exact} "
        f"WHEN contains(lower({value}), 'e') AND CAST({of_double} AS DOUBLE) = {as_double} THEN {of_double} END"
    )


def _parse_time(field: Field, form: str, value: str) -> str:
    if form in EPOCH_MICROSECONDS:
        micros = (
            f"CASE WHEN regexp_full_match({value}, {text(NUMBER)}) THEN "
            f"TRY_CAST(round(TRY_CAST({bare(value)} AS DECIMAL(38, 9)) * {EPOCH_MICROSECONDS[form]}) AS BIGINT) END"
        )
        # Beyond the year 9999 nothing can be written back as ISO, so it is no timestamp.
        moment = f"CASE WHEN {micros} BETWEEN -62135596800000000 AND 253402300799999999 THEN make_timestamptz({micros}) END"
        return moment if field.type == "timestamp" else f"TRY_CAST({moment} AS {duckdb_type(field)})"
    if form != "iso":
        return _parse_pattern(field, form, value)
    if field.type == "date":
        return f"CASE WHEN regexp_full_match({value}, {text(DATE)}) AND {value} >= '0001' THEN TRY_CAST({value} AS DATE) END"
    if field.type == "time":
        return f"CASE WHEN regexp_full_match({value}, {text(CLOCK)}) THEN TRY_CAST({value} AS TIME) END"
    naive = _in_zone(field, f"TRY_CAST({value} AS TIMESTAMP)")
    return (
        f"CASE WHEN {value} < '0001' THEN NULL "
        f"WHEN regexp_full_match({value}, {text(NAIVE + OFFSET)}) THEN TRY_CAST({value} AS TIMESTAMPTZ) "
        f"WHEN regexp_full_match({value}, {text(NAIVE)}) THEN {naive} END"
    )


def _in_zone(field: Field, naive: str) -> str:
    return f"timezone({text(field.zone)}, {naive})"


def _parse_pattern(field: Field, form: str, value: str) -> str:
    directive, position = "", 0
    while position < len(form):
        for letters, code in _STRFTIME:
            if form.startswith(letters, position):
                directive += code
                position += len(letters)
                break
        else:
            directive += form[position].replace("%", "%%")
            position += 1
    parsed = f"try_strptime({value}, {text(directive)})"
    if field.type == "timestamp":
        # With an offset in the pattern DuckDB already gives an instant.
        return parsed if "%z" in directive else _in_zone(field, parsed)
    return f"TRY_CAST({parsed} AS {duckdb_type(field)})"
