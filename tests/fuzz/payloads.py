"""Records at random for a contract: as JSON bytes, as lines of delimited text, as typed columns; mostly good, often odd."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.kernel import Format
from tests.fuzz.contracts import NESTED, TEXTS, Spec
from tests.kernel.odd import BROKEN, NUMBER_TEXTS, NUMBERS, TIMES, VALID, WHOLE
from tests.kernel.odd import TEXTS as ODD_TEXTS

DELIMITERS = (",", ";", "\t", "|", " ", "::")
CELLS = (*NUMBER_TEXTS, *TIMES, *ODD_TEXTS, *NUMBERS, '"', "a,b", "null")


def good(draw: random.Random, one: Spec) -> str:
    """The JSON text of a value that a field may well accept."""
    kind = one["type"]
    if kind == "object":
        members = {name: good(draw, child) for name, child in one["fields"].items() if draw.random() < 0.9}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"
    if kind == "array":
        return "[" + ", ".join(good(draw, one["items"]) for _ in range(draw.choice([0, 1, 1, 2, 3]))) + "]"
    if kind == "json":
        return draw.choice(['{"a": [1, 2.50, null]}', "[]", '"x"', "5", "true"])
    plain = cell(draw, one)
    numeric = kind in ("integer", "double", "decimal", "boolean") or plain.isdecimal()
    return plain if numeric and draw.random() < 0.8 else json.dumps(plain, ensure_ascii=draw.random() < 0.5)


def cell(draw: random.Random, one: Spec) -> str:
    """The plain text of such a value."""
    kind = one["type"]
    asked = [text for key in ("min", "max", "above", "below", "default") if (text := str(one.get(key, "now"))) != "now"]
    asked += [str(text) for text in one.get("allowed", [])] + [str(text) for text in one.get("missing", [])]
    if asked and draw.random() < 0.4:
        return draw.choice(asked)
    if kind == "integer":
        return str(draw.choice([draw.randint(-5, 20), draw.randint(-(10**6), 10**6)]))
    if kind == "double":
        return repr(draw.choice([round(draw.uniform(-50, 100), 2), draw.uniform(-1e3, 1e3)]))
    if kind == "decimal":
        return str(Decimal(draw.randint(-(10**5), 10**5)).scaleb(-int(one["scale"])))
    if kind == "boolean":
        return draw.choice(["true", "false"])
    if kind == "timestamp":
        moment = dt.datetime(2024, 6, 1, 11) + dt.timedelta(seconds=draw.randint(-(10**6), 5000))
        written = {
            "epoch_s": str(int(moment.replace(tzinfo=dt.UTC).timestamp())),
            "dd.MM.yyyy HH:mm": moment.strftime("%d.%m.%Y %H:%M"),
        }
        return written.get(draw.choice(one["format"]), moment.isoformat() + draw.choice(["Z", "", "+02:00", ".5Z"]))
    if kind == "date":
        return (dt.date(2024, 1, 1) + dt.timedelta(days=draw.randint(-9000, 200))).isoformat()
    if kind == "time":
        return dt.time(draw.randrange(24), draw.randrange(60), draw.randrange(60)).isoformat()
    unit = one.get("unit", "")
    return draw.choice([*TEXTS, "abc", "s_123", "ab", f"12 {unit}", f" {unit}", "127.0.0.1", "4111111111111111"])


def odd(draw: random.Random) -> str:
    """JSON text of whatever else producers write."""
    chance = draw.random()
    if chance < 0.8:
        return draw.choice(VALID)
    if chance < 0.9:
        return json.dumps("".join(draw.choice("0123456789+-._eE, \tx") for _ in range(draw.randint(1, 9))))
    if chance < 0.97:
        return draw.choice(["[" + draw.choice(VALID) + "]", '{"c0": ' + draw.choice(VALID) + "}"])
    return draw.choice(BROKEN)


def json_record(draw: random.Random, spec: Spec) -> bytes | None:
    """One payload."""
    if draw.random() < 0.02:
        return draw.choice(WHOLE)
    members: list[tuple[str, str]] = []
    for name, one in spec["fields"].items():
        if draw.random() < 0.06:
            continue
        value = odd(draw) if draw.random() < 0.12 else "null" if draw.random() < 0.05 else _changed(draw, one)
        members += _located(draw, name, one, value)
    if draw.random() < 0.1:
        members.append((draw.choice(["other", "F0", "f0", "meta", "a/b~c", ""]), odd(draw)))
    if draw.random() < 0.2:
        draw.shuffle(members)
    comma, colon = draw.choice([(", ", ": "), (",", ":"), (" ,\n", "\t: ")])
    text = "{" + comma.join(json.dumps(name) + colon + value for name, value in members) + "}"
    return damaged(draw, text.encode(errors="surrogatepass")) if draw.random() < 0.05 else text.encode()


def _changed(draw: random.Random, one: Spec) -> str:
    """A good value of which some part may be odd."""
    text = good(draw, one)
    if one["type"] in ("object", "array") and draw.random() < 0.3:
        at = draw.randint(0, len(text))
        return text[:at] + odd(draw) + text[at:] if draw.random() < 0.1 else text.replace("1", odd(draw), 1)
    return text


def _located(draw: random.Random, name: str, one: Spec, value: str) -> list[tuple[str, str]]:
    """The member (or members) of the record in which the field's value lies."""
    path = one.get("from", name)
    if isinstance(path, list):
        first = path[0]
        if draw.random() < 0.5:
            return [(name, value)]
        owner, dot, inner = first.partition(".")
        return [(owner, f'{{"{inner}": {value}}}' if dot else value)]
    if path.startswith("list_"):
        return [(path.partition("[")[0], f"[0, {value}]")]
    return [(name, value)]


def damaged(draw: random.Random, payload: bytes) -> bytes | None:
    """The payload after an accident on its way."""
    at = draw.randrange(len(payload) + 1)
    byte = bytes([draw.choice([0, 9, 10, 34, 44, 92, 123, 125, 127, 128, 192, 237, 255, draw.randrange(256)])])
    return draw.choice(
        [
            None,
            payload[:at],
            payload[at:],
            payload[:at] + byte + payload[at + 1 :],
            payload[:at] + byte + payload[at:],
            payload[:at] + payload[at:].replace(b",", b",,", 1),
            payload[:-1] + b",}",
            payload + payload,
            b"\xef\xbb\xbf" + payload,
            payload.replace(b'"', b"'"),
            payload + b" ",
        ]
    )


def columns(spec: Spec) -> list[str]:
    """The columns of delimited text in which the fields lie."""
    found: list[str] = []
    for name, one in spec["fields"].items():
        path = one.get("from", name)
        found += [path] if isinstance(path, str) else path
    return [*dict.fromkeys(one for one in found if not one.startswith("$")), "other"]


def form(draw: random.Random, spec: Spec) -> Format:
    """How lines of delimited text are written."""
    return Format(
        "csv",
        {"header": columns(spec), "delimiter": draw.choice(DELIMITERS), "quote": draw.choice(['"', '"', '"', "'", ""])},
    )


def csv_record(draw: random.Random, spec: Spec, written: Format) -> bytes | None:
    """One line."""
    if draw.random() < 0.02:
        return draw.choice(WHOLE)
    fields = {path: one for name, one in spec["fields"].items() for path in _paths(name, one)}
    delimiter, quote = written.options["delimiter"], written.options["quote"]
    cells = []
    for column in written.options["header"]:
        one = fields.get(column)
        text = cell(draw, one) if one and draw.random() < 0.85 else draw.choice(["", "", draw.choice(CELLS)])
        if quote and (delimiter in text or quote in text or draw.random() < 0.2) and draw.random() < 0.9:
            text = quote + text.replace(quote, quote * 2) + quote
        cells.append(text)
    if draw.random() < 0.03:
        cells = draw.choice([cells[:-1], [*cells, "x"], [*cells, ""]])
    payload = delimiter.join(cells).encode(errors="surrogatepass")
    return damaged(draw, payload) if draw.random() < 0.05 else payload


def _paths(name: str, one: Spec) -> Sequence[str]:
    path = one.get("from", name)
    return [path] if isinstance(path, str) else path


MOMENTS = (
    dt.datetime(2024, 6, 1, 12, 0, 0, 123456), dt.datetime(2024, 6, 1, 12), dt.datetime(2024, 3, 31, 2, 30), dt.datetime(1, 1, 2),
    dt.datetime(9999, 12, 30, 23, 59, 59), dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(2024, 2, 29), dt.datetime(2024, 6, 1, 11, 59),
)  # fmt: skip
DOUBLES = (
    1.5,
    -0.0,
    0.0,
    1.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e22,
    5e-324,
    84.9,
    -200.0,
    12.5,
    1e-5,
    0.1,
    85.0,
    1e15,
    2.0**63,
)
INTEGERS = (0, 1, 3, -5, 10, 255, 1000, -(2**63), 2**63 - 1, 1717243200, 999)

Column = tuple[pa.DataType, Callable[[random.Random], Any]]

TYPED: Mapping[str, Column] = {
    "double": (pa.float64(), lambda draw: draw.choice(DOUBLES)),
    "float": (pa.float32(), lambda draw: float(np.float32(draw.choice(DOUBLES[:14])))),
    "integer": (pa.int64(), lambda draw: draw.choice(INTEGERS)),
    "small": (pa.uint8(), lambda draw: draw.choice([0, 1, 3, 255])),
    "decimal": (pa.decimal128(12, 2), lambda draw: Decimal(draw.randint(-1000, 10000)).scaleb(-2)),
    "boolean": (pa.bool_(), lambda draw: draw.random() < 0.5),
    "moment": (pa.timestamp("us"), lambda draw: draw.choice(MOMENTS)),
    "instant": (
        pa.timestamp("us", tz="America/New_York"),
        lambda draw: draw.choice(MOMENTS[:3]).replace(tzinfo=dt.UTC),
    ),
    "milli": (pa.timestamp("ms"), lambda draw: draw.choice(MOMENTS).replace(microsecond=0)),
    "date": (pa.date32(), lambda draw: draw.choice(MOMENTS).date()),
    "time": (pa.time64("us"), lambda draw: draw.choice(MOMENTS).time()),
}


def typed_records(draw: random.Random, spec: Spec, count: int) -> pa.StructArray:
    """Typed records: each field has its own column, of its type or of another."""
    arrays, names = [], []
    columns = {path: one for name, one in spec["fields"].items() for path in _paths(name, one)}
    for path, one in columns.items():
        if path.startswith(("$", "meta.", "list_")) or draw.random() < 0.05:
            continue
        names.append(path)
        arrays.append(_column(draw, one, count))
    names.append("other")
    arrays.append(pa.array([draw.choice([None, "x"]) for _ in range(count)]))
    mask = pa.array([draw.random() < 0.02 for _ in range(count)])
    return pa.StructArray.from_arrays(arrays, names=names, mask=mask)


def _column(draw: random.Random, one: Spec, count: int) -> pa.Array:
    kind = one["type"]
    if kind in NESTED:
        return _structs(draw, one, count)
    fit = {
        "string": ["text", "text", "text", "integer", "boolean"],
        "integer": ["integer", "integer", "double", "decimal", "small", "text", "boolean"],
        "double": ["double", "double", "float", "integer", "decimal", "text"],
        "decimal": ["decimal", "decimal", "integer", "double", "text"],
        "boolean": ["boolean", "boolean", "text", "integer"],
        "timestamp": ["moment", "instant", "milli", "text", "date", "integer"],
        "date": ["date", "date", "text", "moment"],
        "time": ["time", "time", "text"],
    }[kind]
    chosen = draw.choice(fit)
    if chosen == "text":
        texts = [cell(draw, one) if draw.random() < 0.8 else draw.choice(CELLS) for _ in range(count)]
        whole = pa.array([None if draw.random() < 0.1 else text for text in texts], pa.string())
        return draw.choice([lambda: whole, lambda: whole.cast(pa.large_string()), whole.dictionary_encode])()
    type_, value = TYPED[chosen]
    if one.get("zone", "UTC") != "UTC" and chosen in ("moment", "milli"):
        # Databases of time zones differ in what a clock on a wall said before 1970.
        recent = [moment.replace(microsecond=0) for moment in MOMENTS if 1970 <= moment.year < 9999]

        def value(draw: random.Random) -> dt.datetime:
            return draw.choice(recent)

    return pa.array([None if draw.random() < 0.1 else value(draw) for _ in range(count)], type_)


def _structs(draw: random.Random, one: Spec, count: int) -> pa.Array:
    """Objects and arrays of texts and integers, which is what their JSON is told apart by."""
    if one["type"] == "array":
        kind: pa.DataType = pa.list_(pa.int64())
        value: Callable[[], Any] = lambda: [draw.choice([None, 0, 1, 3, -5]) for _ in range(draw.randrange(4))]  # noqa: E731
    else:
        kind = pa.struct([(name, pa.string()) for name in one.get("fields", {"a": 1})])
        value = lambda: {field.name: draw.choice([None, *CELLS[:40]]) for field in kind}  # noqa: E731
    return pa.array([None if draw.random() < 0.1 else value() for _ in range(count)], kind)
