"""Ten thousand records such as no producer should send, the same ones every time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa

CLOCK = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

WHOLE = [
    None, b"", b" ", b"\x00", b"\n", b"null", b"true", b"12", b'"text"', b"[]", b"{}", b"[{}]", b"{", b"}", b"not json",
    b'{"id": "s_001"', b"{'id': 's_001'}", b'\xef\xbb\xbf{"id": "s_001"}', b'\xff\xfe{\x00"\x00', b"\xf0\x9f\x92",
    b"\xc0\xaf", b'[{"id": "s_001"}]', b'{"id": "\\ud800"}', b'{"id": "a\tb"}', b'{"": 1}',
    b'{"id": {"id": {"id": {"id": []}}}}', b"[" * 600 + b"]" * 600, b'{"other": ' * 200 + b"1" + b"}" * 200,
    b'{"id": "s_001"} {"id": "s_002"}', b"NaN", b"\xed\xa0\x80",
    b'{"id":\n"s_001",\r\n\t"at": "2026-01-01T00:00:00Z", "level": 1}', b'{"id" "s_001"}', b'{id: "s_001"}',
    b"/* */ {}",
]  # fmt: skip
"""Payloads that are odd as a whole."""

NUMBERS = [
    "1", "12.5", "-0", "-0.0", "0.1", "1e3", "1E+2", "1e-400", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "012",
    ".5", "5.", "+5", "0x10", "1_000", "1,5", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "9" * 40, "0." + "3" * 40, "84.99999999999999999", "85.000000000000001", "70", "70.1", "-40", "-40.01", "999.995",
    "0.005", "2.675",
]  # fmt: skip
TIMES = [
    "2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2026-01-01T00:00:00.123456789Z", "2026-01-01T02:00:00+02:00",
    "2026-01-01T00:00:00-23:59", "2026-01-01", "2026-1-1", "20260101", "2026", "2024-02-29", "2025-02-29",
    "2024-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T23:59:60Z", "1767225600",
    "1767225600000", "epoch", "now", "infinity", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-01-02T03:05:04Z", "2026-01-02T03:05:06Z",
    "2026-03-29T02:30:00", "01.02.2026", "31.02.2026", "08:30", "23:59:59.5", "24:00", " 2026-01-01T00:00:00Z ",
    "2026-01-01t00:00:00z", "2026-01-01T00:00:00 Europe/Berlin", "Thu, 01 Jan 2026 00:00:00 GMT",
]  # fmt: skip
TEXTS = [
    "", " ", "-", "NA", "null", "s_001", " s_002 ", "s_0010", "S_001", "s_\u0661\u0662\u0663", "OK", "NO", "ON", "ok",
    "true", "yes", "on", "0", "10.0.0.1", "10.0.0.256", "010.0.0.1", "::1", "4111111111111111", "12345", "\u00e9",
    "e\u0301", "\U0001f600" * 6, "\u0000", "a\u0000b", "\u200b", "\u00a05", "'", '"', "\\", "'; DROP TABLE records; --",
    "${HOME}", "{0}", "%s", "x" * 5000, "\u2028", "\ufeff",
]  # fmt: skip
LITERALS = [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[1]",
    '{"x": 1}',
    '[null, {"a": [1.50, "x"]}]',
    '{"city": "Oslo"}',
    '{"city": 5}',
]

GOOD = {
    "id": '"s_001"', "at": '"2026-01-01T12:00:00Z"', "level": "21.5", "share": '"0,25"', "count": "3", "price": "12.50",
    "live": "true", "day": '"2026-01-01"', "hour": '"08:30:00"', "state": '"OK"', "card": '"12345678"',
    "place": '{"city": "Oslo"}', "town": '"Rome"', "mood": '"calm"', "other": '{"x": 1}', "host": '"10.0.0.1"',
    "surprise": "1",
}  # fmt: skip
"""A good record's members as JSON text."""


def odd_records(count: int = 10_000, partitions: int = 4, seed: int = 20) -> pa.Table:
    """A batch as the kernel takes it, of records of several partitions in the order of their offsets."""
    draw = random.Random(seed)
    payloads = [WHOLE[i] if i < len(WHOLE) else _payload(draw) for i in range(count)]
    size = -(-count // partitions)
    rows = [
        {
            "partition": number // size,
            "offset": 3 * (number % size),
            "ingest_time": CLOCK + timedelta(microseconds=number),
            "payload": payload,
        }
        for number, payload in enumerate(payloads)
    ]
    schema = {
        "partition": pa.int32(),
        "offset": pa.int64(),
        "ingest_time": pa.timestamp("us", tz="UTC"),
        "payload": pa.binary(),
    }
    return pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))


def _payload(draw: random.Random) -> bytes | None:
    """A good record of which some members are made odd, and sometimes its bytes."""
    members = dict(GOOD)
    for name in draw.sample(sorted(members), draw.choice([0, 1, 1, 1, 2, 3, 6])):
        members[name] = _literal(draw)
    for name in draw.sample(sorted(members), draw.choice([0, 0, 0, 1, 2])):
        del members[name]
    pairs = [f'"{name}": {value}' for name, value in members.items()]
    if draw.random() < 0.05:
        pairs.append(f'"{draw.choice(sorted(GOOD))}": {_literal(draw)}')
    if draw.random() < 0.3:
        draw.shuffle(pairs)
    payload = ("{" + ", ".join(pairs) + "}").encode("utf-8", errors="surrogatepass")
    return _damaged(draw, payload) if draw.random() < 0.1 else payload


def _literal(draw: random.Random) -> str:
    """A JSON value, or what somebody took for one."""
    kind = draw.randrange(6)
    if kind < 2:
        number = draw.choice(NUMBERS)
        return draw.choice([number, f'"{number}"', f'" {number} "'])
    if kind == 2:
        return f'"{draw.choice(TIMES)}"'
    if kind == 3:
        return draw.choice(LITERALS)
    if kind == 4:
        return str(round(draw.uniform(-120, 120), draw.randrange(20)))
    text = draw.choice(TEXTS).replace("\\", "\\\\").replace('"', '\\"').replace("\u0000", "\\u0000")
    return f'"{text}"'


def _damaged(draw: random.Random, payload: bytes) -> bytes | None:
    """The payload after an accident on its way."""
    at = draw.randrange(len(payload))
    return draw.choice(
        [
            None,
            payload[:at],
            payload[:at] + bytes([draw.randrange(256)]) + payload[at + 1 :],
            payload[:at] + b"\xff" + payload[at:],
            payload[:-1] + b",}",
            payload + b" junk",
            payload + payload,
            b"\xef\xbb\xbf" + payload,
            payload.replace(b'"', b"'"),
            payload.replace(b": ", b":", 3) + b"\n",
        ]
    )
