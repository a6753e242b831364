"""Odd payloads: what streams really hold, as JSON text, and strategies that put it into records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from hypothesis import settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("STILLWELL_EXAMPLES", "12"))
"""Examples of each property; set the variable to look harder."""

fixed = settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)

NUMBERS = (
    "0", "-0", "0.0", "-0.0", "1", "7", "-1", "5.0", "12.5", "1.10", "1.5e2", "1E3", "1e-7", "1e-5", "1e21", "1e22", "2.5E+25",
    "1e400", "-1e400", "1e-400", "NaN", "nan", "Infinity", "-Infinity", "inf", "0.1", "0.30000000000000004", "-200", "-200.0", "84.99999999",
    "85", "85.0000001", "9007199254740993", "-9223372036854775808", "9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "1717243200", "1717243200.25", "4102444800",
    "1.7976931348623157e308", "1.7976931348623159e308", "5e-324",
)  # fmt: skip
NUMBER_TEXTS = (
    "12", " 12 ", "\t7\n", "12.50", "12,5", "1.234,5", "1_000", "_1", "1_", "1__0", "+5", "--5", "5.", ".5", ".", "", " ", "1e3", "1E400",
    "1e", "0x10", "0b1", "1d", "12abc", "NaN", "inf", "-inf", "infinity", "٣", "１２", "12\u00a0", "1 2", "-", "-200", "-200,0", "21 °C", "21°C",
    "9007199254740993.0", "123456789012345678e1", "15e-1", "1.00000000000000000001", "1e-30", "5.000", "123456789.1234", "true", "null",
    "00012", "9223372036854775808", "1717243200", "1717243200.1234567", "99999999999999999999999999999", "253402300800", "-62135596801",
)  # fmt: skip
TIMES = (
    "2024-06-01T12:00:00Z", "2024-06-01 12:00:00", "2024-06-01T12:00Z", "2024-06-01T12:00:59.999999Z", "2024-06-01T12:01:00Z",
    "2024-06-01T12:01:00.000001Z", "2024-06-01T12:00:00.123456789Z", "2024-06-01T12:00:00.1234567891Z", "2024-06-01T14:00:00+02:00",
    "2024-06-01T14:00:00+0200", "2024-06-01T14:00:00+02", "2024-06-01T12:00:00+25:00", "2024-06-01T12:00:00+02:60", "2024-06-01T12:00:00-23:59",
    "2024-01-01T24:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01T23:60:00Z", "2024-01-01T23:59:60Z", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z", "+2024-01-01T00:00:00Z", "-2024-01-01T00:00:00Z", "2024-1-1T00:00:00Z", "24-01-01T00:00:00Z", "2024-01-01t00:00:00z",
    " 2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z ", "2024-01-01T00:00:00 Z", "2024-01-01  00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00,5Z",
    "2024-01-01T10:00:00+01Z", "2024-01-01T10:00:00ZZ", "2024-01-01T10:00:00UTC", "2024-01-01T10:00:00 UTC", "2024-01-01T10:00:00Europe/Oslo",
    "2024-01-01T10:00:00[Europe/Oslo]", "2024-W01-1", "2024-001", "20240101T000000Z", "2024-01-01", "2024-02-30", "0000-01-01", "12:00", "12:00:00.5",
    "24:00", "23:59:60", "12:00Z", "1:00", "epoch", "infinity", "-infinity", "now", "today", "2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-03-10T02:30:00", "2024-11-03T01:30:00",
    "2024-03-31 02:30:00Z", "01.06.2024 12:00", "1.6.2024 12:00", "31.02.2024 12:00", "01.06.2024 24:00", "01.01.0000 00:00", "31.03.2024 02:30",
    "01.06.2024 12:00 ", "２024-01-01T00:00:00Z", "2024-01-01T00:00:00−01:00",
)  # fmt: skip
TEXTS = (
    "s_001", "s_1", "S_001", "s_001\n", "xs_001", "abc", "ab", "abcdef", "😀😀😀😀😀😀", "é", "e\u0301", "\u0000", "a\u0000b", "{", "[", "{}", '{"a": 1}', "[1]", "null",
    "True", "FALSE", "yes", "NO", "no", " no  ", "N/A", "1e5", "1e-07", "127.0.0.1", "127.0.0.01", "256.1.1.1", "1.2.3", "::1", "4111111111111111",
    "4111111111111112", "4111 1111 1111 1111", "'; DROP TABLE batch; --", 'quote " and \\', "x" * 300, "%s", "\u202e", "ﬁ", "İ", "ß", "\ufeff",
)  # fmt: skip
STRUCTURES = (
    "null", "true", "false", "[]", "{}", "[1]", "[1, 2, 3, 4]", "[null]", "[-1, 5]", '[1, "2", " 3 ", "x"]', "[[1]]", '{"x": 1}', '{"x": null}',
    '{"x": "1", "y": "abcd"}', '{"y": "ab"}', '{"x": 1, "x": 2}', '{"x": {"x": 1}}', '[{"x": 1}]', '{"v": 3}', '{"v": "s"}', '{"X": 1}', "[1,]", '{"x": 1,}', '["a,]", "nan"]', '{"inf": " ,}"}',
)  # fmt: skip
BROKEN = (
    "", "tru", "nul", "01", "1.", ".5", "+1", "1_000", "0x1", '"', '"\\x"', '"\\ud800"', '"\\udc00\\ud800"', '"\t"', "[", "{", "[1", "[,]", "{,}",
    "1 2", "'a'", "undefined", "/* */ 1", '"a" "b"', '{"x"}', '{"x": }', "{x: 1}", "\u0000", "]",
)  # fmt: skip

VALID = (*NUMBERS, *(json.dumps(text, ensure_ascii=False).replace("\\u0000", "\\u0000") for text in (*NUMBER_TEXTS, *TIMES, *TEXTS)), *STRUCTURES)  # fmt: skip
"""JSON texts of values that a field may have to do with."""

WHOLE = (
    None, b"", b" ", b"null", b"5", b'"{}"', b"[]", b'[{"d": 1}]', b"{}", b" {} ", b"{}\n", b"{} {}", b"{", b"}", b"\xef\xbb\xbf{}", b"{}\x00",
    b'{"d": 1', b'{"d": 1}}', b'{"d": 1, "d": 2}', b'{"d": 1 , }', b"\x80", b"\xff\xfe{\x00}\x00", b'{"d": "\xff"}', b'{"d": "\xed\xa0\x80"}', b"{,}", b"{" * 500, b"<xml/>", b"d=1",
)  # fmt: skip
"""Whole payloads."""


def payload(members: Mapping[str, str]) -> bytes:
    """An object with these JSON texts as values."""
    return ("{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in members.items()) + "}").encode()


fragments = st.one_of(
    st.sampled_from(VALID),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda value: json.dumps(str(value))),
    st.decimals(-(10**6), 10**6, allow_nan=False, places=4).map(lambda value: json.dumps(str(value))),
    st.datetimes().map(lambda moment: json.dumps(moment.isoformat())),
    st.datetimes().map(lambda moment: json.dumps(moment.isoformat() + "Z")),
    st.text(max_size=8).map(json.dumps),
    st.from_regex(r"[ ]?[-+]?[0-9_]{0,4}[.,]?[0-9_]{0,3}([eE][-+]?[0-9]{1,2})?[ ]?", fullmatch=True).map(json.dumps),
)


def payloads(good: Mapping[str, str]) -> st.SearchStrategy[bytes | None]:
    """Records that are good but for a few fields, which are odd or absent; some are broken altogether."""
    names = st.sampled_from(sorted(good))
    changed = st.builds(
        lambda odd, gone: payload({name: odd.get(name, text) for name, text in good.items() if name not in gone}),
        st.dictionaries(names, fragments, max_size=3),
        st.sets(names, max_size=2),
    )
    broken = st.builds(lambda name, text: payload({**good, name: text}), names, st.sampled_from(BROKEN))
    cut = st.builds(lambda whole, at: whole[: at % len(whole)], changed, st.integers(0, 10_000))
    return st.one_of(changed, changed, changed, changed, broken, cut, st.sampled_from(WHOLE), st.binary(max_size=6))


def everything(good: Mapping[str, str], names: Iterable[str] | None = None) -> list[bytes | None]:
    """Each odd value in each field (of `names`) in turn, with all others good; each absent; all that is broken."""
    found: list[bytes | None] = [payload(good), *WHOLE]
    for name in good if names is None else names:
        found += [payload({**good, name: text}) for text in (*VALID, *BROKEN)]
        found.append(payload({other: text for other, text in good.items() if other != name}))
    return found


def of_text(records: list[bytes | None]) -> list[bytes | None]:
    """Those that are UTF-8: the plain way gives up a batch that holds others."""
    return [one for one in records if one is None or _is_text(one)]


def _is_text(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
