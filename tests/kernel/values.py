"""What becomes of every odd value: the cases that test it, and the page that is made of them.

`python -m tests.kernel.values` prints the page, which is committed as docs/reference/values.md.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from stillwell.kernel import Format
from tests.kernel.records import batch, judge, outcomes

PARSINGS = ("lenient", "strict")


@dataclass(frozen=True)
class Case:
    """One value as it arrives, in the field `x` of these keys, and what becomes of it.

    `written` is the JSON text of the value, or of the whole payload where `whole` says so. A fate is the value, or ✗ and the
    rule that quarantines the record. `shown` is what the page shows where `written` is too long or cannot be seen.
    """

    keys: str
    written: str | bytes | None
    lenient: str
    strict: str
    shown: str = ""
    whole: bool = False


def same(keys: str, written: str | bytes | None, fate: str, shown: str = "", *, whole: bool = False) -> Case:
    """A case whose fate is the same under both parsings."""
    return Case(keys, written, fate, fate, shown, whole)


DOUBLE, INTEGER, TEXT, INSTANT = "type: double", "type: integer", "type: string", "type: timestamp"
MONEY = "type: decimal, precision: 9, scale: 2"
TYPE, FORMAT = "✗ x.type", "✗ payload.format"
NOON = "2024-06-01T12:00:00+00:00"

SECTIONS: dict[str, tuple[str, tuple[Case, ...]]] = {
    "Payloads": (
        "JSON is what RFC 8259 says. Lenient parsing lets a comma stand before a closing bracket, and reads NaN and infinities, which are no numbers.",
        (
            same(DOUBLE, None, "✗ payload.empty", "a null payload (a tombstone)", whole=True),
            same(DOUBLE, b"", "✗ payload.empty", "no bytes", whole=True),
            same(DOUBLE, b'{"x": "\xff"}', "✗ payload.encoding", "bytes that are not UTF-8", whole=True),
            same(DOUBLE, b"\xef\xbb\xbf{}", FORMAT, "a byte order mark before the object", whole=True),
            same(DOUBLE, b'{"x": 1', FORMAT, whole=True),
            same(DOUBLE, b'{"x": 1} {}', FORMAT, "an object and something after it: `{\"x\": 1} {}`", whole=True),
            same(DOUBLE, b'{"x": 1}\n', "1.0", "an object and a newline", whole=True),
            same(DOUBLE, b"[1]", FORMAT, whole=True),
            same(DOUBLE, b"5", FORMAT, whole=True),
            same(DOUBLE, b"null", FORMAT, whole=True),
            same(DOUBLE, b"{'x': 1}", FORMAT, whole=True),
            same(DOUBLE, b"{x: 1}", FORMAT, whole=True),
            same(DOUBLE, b'{"x": 1 /* one */}', FORMAT, whole=True),
            Case(DOUBLE, b'{"x": 1,}', "1.0", FORMAT, whole=True),
            Case(DOUBLE, b'{"x": 1, "x": 2}', "1.0", FORMAT, "one key twice: `{\"x\": 1, \"x\": 2}`; the first counts", whole=True),
            same("type: double, from: o.x", b'{"o": {"x": 1, "x": 2}}', "1.0", "one key twice further down; the first counts", whole=True),
            same("type: json", b'{"x": ' + b"[" * 1000 + b"]" * 1000 + b"}", "the text", "1,000 arrays in each other", whole=True),
            same(DOUBLE, ("{" + ", ".join(f'"f{n}": {n}' for n in range(10_000)) + ', "x": 7}').encode(), "7.0", "10,000 fields, of which one is declared", whole=True),
        ),
    ),
    "Absent and null": (
        "Both are no value. They differ where a field has a `default`, which stands in for an absent value only.",
        (
            same(DOUBLE, b"{}", "null", "absent", whole=True),
            same(DOUBLE, "null", "null"),
            same("type: double, required: true", b"{}", "✗ x.required", "absent", whole=True),
            same("type: double, required: true", "null", "✗ x.required"),
            same("type: double, default: 5", b"{}", "5.0", "absent", whole=True),
            same("type: double, default: 5", "null", "null"),
            same("type: double, missing: [NA]", '"NA"', "null"),
            same("type: double, missing: ['-200']", "-200.0", "null"),
            same(TEXT, '""', '""'),
            same(DOUBLE, '""', TYPE),
        ),
    ),
    "Numbers": (
        (
            "One grammar stands before every cast. Lenient: sign, digits with one point at most, exponent, blanks around, `_` between digits, as a number or "
            "in a text. Strict: what JSON calls a number, as a number. Never: another alphabet, hexadecimal, NaN, infinities."
        ),
        (
            same(DOUBLE, "12.5", "12.5"),
            Case(DOUBLE, '"12.5"', "12.5", TYPE),
            Case(DOUBLE, '" 12 "', "12.0", TYPE),
            Case(DOUBLE, '"1_000"', "1000.0", TYPE),
            Case(DOUBLE, '".5"', "0.5", TYPE),
            Case(DOUBLE, '"5."', "5.0", TYPE),
            Case(DOUBLE, '"+5"', "5.0", TYPE),
            Case(DOUBLE, '"007"', "7.0", TYPE),
            same(DOUBLE, '"12abc"', TYPE),
            same(DOUBLE, '"12d"', TYPE),
            same(DOUBLE, '"0x10"', TYPE),
            same(DOUBLE, '"1,5"', TYPE),
            same("type: double, clean: [decimal_comma]", '"1,5"', "1.5"),
            same(DOUBLE, '"٣"', TYPE, '`"٣"` (Arabic digits)'),
            same(DOUBLE, '"１２"', TYPE, '`"１２"` (wide digits)'),
            same(DOUBLE, '"NaN"', TYPE),
            same(DOUBLE, '"Infinity"', TYPE),
            Case(DOUBLE, "NaN", TYPE, FORMAT),
            Case(DOUBLE, "-Infinity", TYPE, FORMAT),
            same(DOUBLE, "1e400", TYPE),
            same(DOUBLE, "1e-400", "0.0"),
            same(DOUBLE, "-0.0", "-0.0"),
            same(DOUBLE, "true", TYPE),
            same(DOUBLE, "[1]", TYPE),
            same(INTEGER, "5", "5"),
            Case(INTEGER, "5.0", "5", TYPE),
            Case(INTEGER, "1e3", "1000", TYPE),
            same(INTEGER, "1.5", TYPE),
            same(INTEGER, "-0", "0"),
            same(INTEGER, "9223372036854775807", "9223372036854775807"),
            same(INTEGER, "9223372036854775808", TYPE),
            same(MONEY, "12.34", "12.34"),
            same(MONEY, "12.340", "12.34"),
            same(MONEY, "12.345", TYPE),
            same(MONEY, "12345678.9", TYPE),
            Case("type: boolean", '"true"', "true", TYPE),
            Case("type: boolean", '"TRUE"', "true", TYPE),
            same("type: boolean", "true", "true"),
            same("type: boolean", "1", TYPE),
            same("type: boolean", '"yes"', TYPE),
        ),
    ),
    "Texts": (
        "A text is any Unicode; what cannot be Unicode is no JSON. Lenient parsing takes a number or a boolean as its text.",
        (
            same(TEXT, '"a"', '"a"'),
            Case(TEXT, "5", '"5"', TYPE),
            Case(TEXT, "1.50", '"1.5"', TYPE),
            Case(TEXT, "true", '"true"', TYPE),
            same(TEXT, '{"a": 1}', TYPE),
            same(TEXT, "[]", TYPE),
            same(TEXT, r'"a\u0000b"', '"a\\u0000b"'),
            same(TEXT, r'"\ud83d\ude00"', '"😀"'),
            same(TEXT, r'"\ud800"', FORMAT),
            same(TEXT, '"' + "x" * 1_000_000 + '"', "the text", "a text of 1,000,000 characters"),
        ),
    ),
    "Instants": (
        (
            "Lenient: ISO 8601 with `T` or a blank, seconds and offset optional; without offset it is in the field's `zone`. Strict: RFC 3339, with seconds and "
            "offset. Six digits of a fraction count. Every instant lies in the years 1 to 9999."
        ),
        (
            same(INSTANT, '"2024-06-01T12:00:00Z"', NOON),
            same(INSTANT, '"2024-06-01T14:00:00+02:00"', NOON),
            Case(INSTANT, '"2024-06-01T14:00:00+0200"', NOON, TYPE),
            same(INSTANT, '"2024-06-01T12:00:00.123456789Z"', "2024-06-01T12:00:00.123456+00:00"),
            Case(INSTANT, '"2024-06-01 12:00:00"', NOON, TYPE),
            Case(INSTANT, '"2024-06-01T12:00"', NOON, TYPE),
            Case("type: timestamp, zone: Europe/Oslo", '"2024-06-01T14:00:00"', NOON, TYPE),
            Case("type: timestamp, zone: Europe/Oslo", '"2024-03-31T02:30:00"', "2024-03-31T01:30:00+00:00", TYPE, '`"2024-03-31T02:30:00"` (an hour that the zone skips)'),
            same(INSTANT, '"2024-01-01T24:00:00Z"', TYPE),
            same(INSTANT, '"2016-12-31T23:59:60Z"', TYPE, '`"2016-12-31T23:59:60Z"` (a leap second)'),
            same(INSTANT, '"2024-02-30T00:00:00Z"', TYPE),
            same(INSTANT, '"2024-06-01"', TYPE),
            same(INSTANT, '"2024"', TYPE),
            same(INSTANT, "2024", TYPE),
            same(INSTANT, '"now"', TYPE),
            same(INSTANT, '" 2024-06-01T12:00:00Z"', TYPE),
            same(INSTANT, "1717243200", TYPE),
            same("type: timestamp, format: epoch_s", "1717243200", NOON),
            same("type: timestamp, format: epoch_s", "1717243200.25", "2024-06-01T12:00:00.250000+00:00"),
            same("type: timestamp, format: epoch_ms", "1717243200000", NOON),
            same("type: timestamp, format: epoch_us", "1717243200000000", NOON),
            Case("type: timestamp, format: epoch_s", '"1717243200"', NOON, TYPE),
            same("type: timestamp, format: epoch_s", "253402300800", TYPE),
            same("type: timestamp, format: 'dd.MM.yyyy HH:mm'", '"01.06.2024 12:00"', NOON),
            same("type: timestamp, format: 'dd.MM.yyyy HH:mm'", '"1.6.2024 12:00"', TYPE),
            same("type: date", '"2024-06-01"', "2024-06-01"),
            same("type: date", '"2024-02-30"', TYPE),
            Case("type: time", '"12:00"', "12:00:00", TYPE),
            same("type: time", '"24:00:00"', TYPE),
        ),
    ),
}  # fmt: skip

CELLS = (
    Case(DOUBLE, "12.5", "12.5", "12.5"),
    Case(DOUBLE, '"12.5"', "12.5", "12.5"),
    Case(DOUBLE, " 12 ", "12.0", TYPE),
    Case(DOUBLE, "1_000", "1000.0", TYPE),
    Case(DOUBLE, "", "null", "null"),
    Case(DOUBLE, "NA", TYPE, TYPE),
    Case("type: double, missing: [NA]", "NA", "null", "null"),
    Case(INTEGER, "5.0", "5", TYPE),
    Case("type: boolean", "True", "true", TYPE),
    Case(TEXT, "12", '"12"', '"12"'),
    Case(TEXT, "", "null", "null"),
    Case(TEXT, '""', "null", "null"),
)
"""Cells of delimited text, where there are only texts: strict says how a number is written, not of what kind it is."""


KEYS = (
    Case("type: string, from: $key", b"k1", '"k1"', '"k1"'),
    Case("type: string, from: $key", b"", '""', '""', "no bytes"),
    Case("type: string, from: $key", None, "null", "null", "a message without a key"),
    Case("type: string, from: $key", b"\xff\xfe", "null", "null", "bytes that are not UTF-8"),
    Case("type: string, required: true, from: $key", b"\xff", "✗ x.required", "✗ x.required", "bytes that are not UTF-8"),
    Case("type: integer, from: $key", b"12", "12", "12"),
    Case("type: integer, from: $key", b"\x00\x00\x00\x0c", TYPE, TYPE, "the four bytes of a number"),
)  # fmt: skip
"""Keys of messages: bytes, which a contract reads as text."""


def payload(case: Case) -> bytes | None:
    """The record that a case is about."""
    if case.whole:
        return case.written if isinstance(case.written, bytes) else None
    return f'{{"x": {case.written}}}'.encode()


def fate(case: Case, parsing: str, *, cell: bool = False, key: bool = False) -> str:
    """What the kernel makes of a case."""
    rest = f"parsing: {parsing}\nfields: {{x: {{{case.keys}}}, other: {{type: string}}}}"
    if cell:
        judged = judge(rest, [f"{case.written},a".encode()], format=Format("csv", {"header": ["x", "other"]}))
    elif key:
        judged = judge(rest, batch([b"{}"], key=pa.array([case.written], pa.binary())))
    else:
        judged = judge(rest, [payload(case)])
    (found,) = outcomes(judged)
    if found.values is None:
        return "✗ " + ", ".join(sorted(found.rules))
    value = found.values["x"]
    return "the text" if isinstance(value, str) and value == _long(case) else show(value)


def _long(case: Case) -> str | None:
    """The text that a case writes, where it is too long to be shown."""
    if case.whole and isinstance(case.written, bytes) and len(case.written) > 1000:
        return case.written[len(b'{"x": ') : -1].decode()
    return case.written[1:-1] if isinstance(case.written, str) and len(case.written) > 1000 else None


def show(value: Any) -> str:
    """A value as the page writes it."""
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else repr(value)


def page() -> str:
    """The page, in Markdown."""
    lines = [*_HEAD]
    for title, (says, cases) in SECTIONS.items():
        lines += [f"## {title}", "", says, "", *_table(cases)]
    lines += ["## Cells of delimited text", "", _CELLS_SAY, "", *_table(CELLS)]
    lines += ["## Keys of messages", "", _KEYS_SAY, "", *_table(KEYS)]
    return "\n".join(lines)


def _table(cases: Iterable[Case]) -> list[str]:
    rows = ["| the field | arrives | lenient | strict |", "|---|---|---|---|"]
    for case in cases:
        written = case.written.decode(errors="replace") if isinstance(case.written, bytes) else case.written
        arrives = case.shown or (f"`{written}`" if written else "an empty cell")
        rows.append(f"| `{case.keys}` | {arrives} | {_code(case.lenient)} | {_code(case.strict)} |")
    return [*rows, ""]


def _code(text: str) -> str:
    return text if text.startswith(("✗", "the")) else f"`{text}`"


_CELLS_SAY = (
    "There are only texts here, so strict parsing asks how a value is written and not of what kind it is. An empty cell is no value, "
    "quoted or not. A column that the contract reads and the header names twice is an error (`double-column`)."
)
_KEYS_SAY = "A key is bytes, and `$key` reads it as text; what is no text is no value, as if the message had no key. The quarantine keeps the bytes of every key."
_HEAD = (
    "# What becomes of odd values",
    "",
    "Casts of engines and of library versions disagree on most of what stands here. Stillwell has one answer, on every engine; this page is made of the",
    "cases that test it. `parsing: strict` in a contract asks that values are written as their own kind; `lenient`, the default, takes what is meant without",
    "doubt. A fate is the value, or ✗ and the rule under which the record goes to quarantine, verbatim.",
    "",
)

if __name__ == "__main__":
    print(page(), end="")
