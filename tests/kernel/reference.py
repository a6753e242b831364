"""The order of judging once more, slowly and in plain Python: what the kernel is held to.

It knows contracts only as the frozen model, and nothing of Arrow or SQL. Record rules are given as Python callables.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from stillwell.contract.model import Constraints, Contract, Field, Fix, Now
from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED
from tests.kernel.records import Outcome


class NotJson(ValueError):
    """The text is no JSON."""


@dataclass(frozen=True)
class Word:
    """A JSON number, or a word like `true`, as it is written."""

    text: str


class Outside(str):
    """A text of the envelope, where there are only texts."""

    __slots__ = ()


class Json:
    """JSON as RFC 8259 has it; unless strict, a comma may stand at the end and NaN and infinities are words.

    Of two members with one name the first counts; a strict record may not have two at its top.
    """

    _BLANK = re.compile(r"[ \t\n\r]*")
    _STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
    _WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|-?(?i:nan|inf(?:inity)?)")

    _FOREIGN = re.compile(r"-?(?:nan|inf)", re.IGNORECASE)

    def __init__(self, text: str, *, strict: bool = False) -> None:
        self._text, self._at, self._strict = text, 0, strict
        self._depth = 0

    def read(self) -> Any:
        value = self._value()
        if self._at != len(self._text):
            raise NotJson
        return value

    def _value(self) -> Any:
        self._blanks()
        here = self._text[self._at : self._at + 1]
        value = self._object() if here == "{" else self._array() if here == "[" else self._scalar(here)
        self._blanks()
        return value

    def _scalar(self, here: str) -> Any:
        found = (self._STRING if here == '"' else self._WORD).match(self._text, self._at)
        if not found:
            raise NotJson
        self._at = found.end()
        if here != '"':
            if self._strict and self._FOREIGN.match(found[0]):
                raise NotJson
            return Word(found[0])
        text = json.loads(found[0])
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise NotJson
        return text

    def _array(self) -> list[Any]:
        items = []
        self._at += 1
        self._depth += 1
        while not self._closes("]"):
            items.append(self._value())
            self._comma("]")
        self._depth -= 1
        return items

    def _object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._at += 1
        self._depth += 1
        while not self._closes("}"):
            if self._text[self._at : self._at + 1] != '"':
                raise NotJson
            name = self._scalar('"')
            self._blanks()
            if self._text[self._at : self._at + 1] != ":":
                raise NotJson
            self._at += 1
            value = self._value()
            if self._strict and self._depth == 1 and name in members:
                raise NotJson
            members.setdefault(name, value)
            self._comma("}")
        self._depth -= 1
        return members

    def _closes(self, bracket: str) -> bool:
        self._blanks()
        if self._text[self._at : self._at + 1] == bracket:
            self._at += 1
            return True
        return False

    def _comma(self, bracket: str) -> None:
        after = self._text[self._at : self._at + 1]
        if after == ",":
            self._at += 1
            if self._strict and self._closes(bracket):
                raise NotJson
        elif after != bracket:
            raise NotJson

    def _blanks(self) -> None:
        self._at = self._BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]


def number_text(word: str) -> str:
    """A JSON number as text: integers of 64 bits and what overflows as written, the rest as ECMAScript writes a double."""
    if re.fullmatch("-?[0-9]+", word):
        return str(int(word)) if -(2**63) <= int(word) < 2**64 else word
    value = float(word)
    if not math.isfinite(value):
        return word
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if value == 0:
        shown = "0.0"
    elif len(digits) <= point <= 21:
        shown = shown + "0" * (point - len(digits)) + ".0"
    elif 0 < point <= 21:
        shown = shown[:point] + "." + shown[point:]
    elif -6 < point <= 0:
        shown = "0." + "0" * -point + shown
    else:
        rest = "." + shown[1:] if len(shown) > 1 else ""
        shown = f"{shown[0]}{rest}e{point - 1}"
    return "-" * sign + shown


def scalar_text(raw: Any) -> str | None:
    """What a JSON scalar is as text, None for null."""
    if isinstance(raw, str):
        return raw
    if raw.text == "null":
        return None
    return number_text(raw.text) if raw.text[-1].isdigit() else raw.text


DIGITS = "[0-9]+(?:_[0-9]+)*"
NUMBER = re.compile(
    rf"[ \t\r\n\v\f]*([+-]?(?:{DIGITS}\.?(?:{DIGITS})?|\.{DIGITS})(?:[eE][+-]?{DIGITS})?)[ \t\r\n\v\f]*"
)
TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
STRICT_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
STRICT_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})"
)
CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?")
GERMAN = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4}) ([0-9]{2}):([0-9]{2})")


def typed(one: Field, text: str) -> Any:
    """The value that a text is, or None when it is none of the field's type."""
    try:
        return _TYPED[one.type](one, text)
    except (ValueError, OverflowError, InvalidOperation):
        return None


def _number(one: Field, text: str) -> str:
    found = (STRICT_NUMBER if one.strict else NUMBER).fullmatch(text)
    if not found:
        raise ValueError(text)
    return found[1].replace("_", "")


def _double(one: Field, text: str) -> float | None:
    value = float(_number(one, text))
    return value if math.isfinite(value) else None


def _integer(one: Field, text: str) -> int | None:
    if one.strict and not re.fullmatch("-?(0|[1-9][0-9]*)", text):
        return None
    value = _exact(_number(one, text), 38, 0)
    return int(value) if value is not None and -(2**63) <= value < 2**63 else None


def _decimal(one: Field, text: str) -> Decimal | None:
    return _exact(_number(one, text), one.precision or 38, one.scale or 0)


def _exact(number: str, precision: int, scale: int) -> Decimal | None:
    with localcontext(prec=2000):
        value = Decimal(number)
        if value and not -400 < value.adjusted() < 400:
            return None
        fits = abs(value) < Decimal(10) ** (precision - scale) and value == round(value, scale)
        return round(value, scale) if fits else None


def _boolean(one: Field, text: str) -> bool | None:
    return {"true": True, "false": False}.get(text if one.strict else text.lower())


def _timestamp(one: Field, text: str) -> dt.datetime | None:
    for form in one.parse_formats:
        try:
            moment = _FORMS[form](one, text)
        except (ValueError, OverflowError, InvalidOperation):
            continue
        if moment is not None:
            return moment
    return None


def _iso(one: Field, text: str) -> dt.datetime:
    found = (STRICT_TIMESTAMP if one.strict else TIMESTAMP).fullmatch(text)
    if not found:
        raise ValueError(text)
    date, hour, minute, second, fraction, offset = found.groups()
    naive = dt.datetime.combine(
        dt.date.fromisoformat(date), dt.time(int(hour), int(minute), int(second or 0), _micros(fraction))
    )
    if offset is None:
        return in_zone(naive, one.zone)
    return (naive - _offset(offset)).replace(tzinfo=dt.UTC)


def _micros(fraction: str | None) -> int:
    return int((fraction or "0").ljust(6, "0")[:6])


def _offset(text: str) -> dt.timedelta:
    if text == "Z":
        return dt.timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return dt.timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def in_zone(naive: dt.datetime, zone: str) -> dt.datetime:
    """A local time as an instant: in a gap with the offset before it, of two the later."""
    info = zoneinfo.ZoneInfo(zone)
    return max(naive.replace(tzinfo=info, fold=fold).astimezone(dt.UTC) for fold in (0, 1))


def _epoch(one: Field, text: str) -> dt.datetime | None:
    with localcontext(prec=2000):
        seconds = Decimal(_number(one, text)).quantize(Decimal("1e-9"), ROUND_HALF_UP)
        micros = int((seconds * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)


def _german(one: Field, text: str) -> dt.datetime:
    found = GERMAN.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, month, year, hour, minute = map(int, found.groups())
    return in_zone(dt.datetime(year, month, day, hour, minute), one.zone)


def _date(_: Field, text: str) -> dt.date:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    return dt.date.fromisoformat(text)


def _time(one: Field, text: str) -> dt.time:
    found = CLOCK.fullmatch(text)
    if not found or (one.strict and found[3] is None):
        raise ValueError(text)
    hour, minute, second, fraction = found.groups()
    return dt.time(int(hour), int(minute), int(second or 0), _micros(fraction))


_FORMS: Mapping[str, Callable[[Field, str], dt.datetime | None]] = {
    "iso": _iso,
    "epoch_s": _epoch,
    "dd.MM.yyyy HH:mm": _german,
}
_TYPED: Mapping[str, Callable[[Field, str], Any]] = {
    "string": lambda _, text: text,
    "integer": _integer,
    "double": _double,
    "decimal": _decimal,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
    "time": _time,
}


def of_kind(one: Field, raw: Any) -> bool:
    """Whether a JSON scalar is of the kind in which a strict field is written: a text, or a word."""
    if isinstance(raw, Outside):
        return True
    if one.type in ("timestamp", "date", "time"):
        kinds = {form.startswith("epoch") for form in one.parse_formats}
        return len(kinds) == 2 or isinstance(raw, Word) == (kinds == {True})
    return isinstance(raw, Word) == (one.type != "string")


def cleaned(one: Field, raw: Any) -> str | None:
    """The text of a JSON scalar after `missing` and `clean`."""
    text = scalar_text(raw)
    if text is None:
        return None
    after: str | None = text
    for step in one.clean:
        # A JSON number has its point already.
        if after is not None and not (step.kind == "decimal_comma" and isinstance(raw, Word)):
            after = _clean(one, step, after)
    if text in one.missing:
        return None
    if after is not None and one.type in ("integer", "double", "decimal") and NUMBER.fullmatch(after):
        numbers = [float(word) for word in one.missing if NUMBER.fullmatch(word)]
        return None if float(_lenient(after)) in numbers else after
    return after


def _lenient(text: str) -> str:
    found = NUMBER.fullmatch(text)
    assert found
    return found[1].replace("_", "")


def _clean(one: Field, step: Any, text: str) -> str | None:
    if step.kind == "trim":
        return text.strip(" \t\n\r")
    if step.kind == "squeeze":
        return re.sub("[ \t\r\n]+", " ", text).strip(" ")
    if step.kind == "strip_unit":
        bare = text.strip(" ")
        return bare[: len(bare) - len(one.unit or "")].rstrip(" ") if bare.endswith(one.unit or "") else text
    if step.kind == "decimal_comma":
        return text.replace(".", "").replace(",", ".")
    if step.kind == "map":
        return dict(step.mapping).get(text, text)
    # Character by character; utf8proc, which DuckDB uses, has one capital for `ß`.
    text = text.replace("ß", "ẞ") if step.kind == "upper" else text
    small = step.kind == "lower"
    # utf8proc has one small letter for `İ` too.
    text = text.replace("İ", "i") if small else text
    changed = (char.lower() if small else char.upper() for char in text)
    return "".join(new if len(new) == 1 else old for old, new in zip(text, changed, strict=True))


def bad(constraints: Constraints, value: Any, now: dt.datetime) -> dict[str, bool]:
    """Which kinds of constraints a value breaks, in the order of judging."""
    found = {}
    if constraints.pattern is not None:
        found["pattern"] = not re.fullmatch(constraints.pattern, value)
    if constraints.formats:
        found["format"] = not any(_FORMATS[form](value) for form in constraints.formats)
    if constraints.allowed:
        found["allowed"] = value not in constraints.allowed
    least = constraints.min_items if isinstance(value, list) else constraints.min_length
    most = constraints.max_items if isinstance(value, list) else constraints.max_length
    if (least, most) != (None, None):
        found["length"] = (least is not None and len(value) < least) or (most is not None and len(value) > most)
    limits = constraints.limits
    if limits:
        low, high, above, below = (_side(side, now) for side in (limits.min, limits.max, limits.above, limits.below))
        found["range"] = (
            (low is not None and value < low)
            or (above is not None and value <= above)
            or (high is not None and value > high)
            or (below is not None and value >= below)
        )
    return found


def _side(side: Any, now: dt.datetime) -> Any:
    return now + side.offset if isinstance(side, Now) else side


def _ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return text.isascii()


def luhn(text: str) -> bool:
    """The check of card numbers of 12 to 19 digits, as its standard tells it: from the right, every second doubled."""
    if not re.fullmatch("[0-9]{12,19}", text):
        return False
    doubled = [int(char) * (1 + place % 2) for place, char in enumerate(reversed(text))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


_FORMATS: Mapping[str, Callable[[str], bool]] = {"ipv4": _ipv4, "card-number": luhn}

ABSENT = object()

Rule = Callable[[dict[str, Any]], bool | None]
"""A record rule: whether it holds for the values, None when it is not evaluated."""


@dataclass
class Judge:
    """One record on its way through a contract."""

    contract: Contract
    rules: Mapping[str, Rule]
    now: dt.datetime
    failed: dict[str, bool] = field(default_factory=dict)
    repairs: set[tuple[str, Any]] = field(default_factory=set)

    def judge(self, payload: bytes | None, envelope: Mapping[str, str | None]) -> Outcome:
        """The verdict, the values, the broken rules, the repairs."""
        if not payload:
            return Outcome(QUARANTINED, None, {"payload.empty"})
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return Outcome(QUARANTINED, None, {"payload.encoding"})
        try:
            record = Json(text, strict=self.contract.parsing == "strict").read()
        except NotJson:
            record = None
        if not isinstance(record, dict):
            return Outcome(QUARANTINED, None, {"payload.format"})
        values = {one.name: self._field(one, one.name, _locate(one, record, envelope)) for one in self.contract.fields}
        for name, rule in self.rules.items():
            self.failed[name] = rule(values) is False
        broken = {rule for rule, bad in self.failed.items() if bad}
        soft = {one.name for one in self.contract.rules if one.severity == "warn"}
        if any(rule not in soft and ".warn." not in rule for rule in broken):
            return Outcome(QUARANTINED, None, broken)
        return Outcome(WARNED if broken or self.repairs else ACCEPTED, values, broken, self.repairs)

    def _field(self, one: Field, rules: str, raw: Any) -> Any:
        value, given = self._value(one, rules, raw)
        value = self._check(one, f"{rules}.type", "type", given and value is None, value, given and _shown(one, raw))
        mended = False
        for kind in bad(one.constraints, value, self.now) if value is not None else ():
            if value is None:
                break
            broken = bad(one.constraints, value, self.now)[kind]
            fix = one.repair.get(kind)
            mended |= broken and fix is not None and fix.kind in ("clamp", "truncate")
            value = self._check(one, f"{rules}.{kind}", kind, broken, value, value)
        if mended:
            self.failed |= {
                f"{rules}.{kind}": True for kind, now_bad in bad(one.constraints, value, self.now).items() if now_bad
            }
        if one.required:
            missing = value is None and not self.failed.get(f"{rules}.type")
            value = self._check(one, f"{rules}.required", "required", missing, value, None)
        for level, constraints in (("warn", one.warn), ("fail", one.fail)):
            if value is not None:
                found = bad(constraints, value, self.now)
                self.failed |= {f"{rules}.{level}.{kind}": broken for kind, broken in found.items()}
        return value

    def _value(self, one: Field, rules: str, raw: Any) -> tuple[Any, bool]:
        """The typed value, and whether there was one to be typed."""
        if raw is ABSENT:
            return (one.default, True) if one.has_default else (None, False)
        if one.type in ("object", "array", "json"):
            if raw == Word("null") or (isinstance(raw, Word | str) and scalar_text(raw) in one.missing):
                return None, False
            return self._nested(one, rules, raw), True
        if isinstance(raw, dict | list):
            return None, True
        text = cleaned(one, raw)
        if text is None:
            return None, False
        if one.strict and not one.clean and not of_kind(one, raw):
            return None, True
        return typed(one, text), True

    def _nested(self, one: Field, rules: str, raw: Any) -> Any:
        if one.type == "json":
            return raw
        if not isinstance(raw, dict if one.type == "object" else list):
            return None
        if one.type == "object":
            return {
                child.name: self._field(child, f"{rules}.{child.name}", _inside(child, raw)) for child in one.fields
            }
        assert one.items is not None
        for item in raw:
            judge = Judge(self.contract, {}, self.now)
            judge._field(one.items, f"{rules}[]", item)
            self.failed |= {rule: broken or self.failed.get(rule, False) for rule, broken in judge.failed.items()}
        return [Judge(self.contract, {}, self.now)._field(one.items, "", item) for item in raw]

    def _check(self, one: Field, rule: str, kind: str, broken: bool, value: Any, before: Any) -> Any:
        fix = one.repair.get(kind)
        self.failed[rule] = broken and fix is None
        if not broken or fix is None:
            return value
        self.repairs.add((rule, before))
        return _mended(one, fix, value, self.now)


def _mended(one: Field, fix: Fix, value: Any, now: dt.datetime) -> Any:
    if fix.kind == "clear":
        return None
    if fix.kind == "value":
        return fix.value
    if fix.kind == "truncate":
        return value[: one.constraints.max_length]
    low, high = _side(one.constraints.limits.min, now), _side(one.constraints.limits.max, now)
    value = value if high is None else min(value, high)
    return value if low is None else max(value, low)


def _shown(one: Field, raw: Any) -> Any:
    if raw is ABSENT or isinstance(raw, dict | list):
        return None
    return cleaned(one, raw)


def _locate(one: Field, record: dict[str, Any], envelope: Mapping[str, str | None]) -> Any:
    for path in one.paths:
        if path.envelope is not None:
            part = envelope[path.envelope]
            return ABSENT if part is None else Outside(part)
        found = _at(record, path.steps)
        if found is not ABSENT:
            return found
    return ABSENT


def _inside(child: Field, record: dict[str, Any]) -> Any:
    return next((found for path in child.paths if (found := _at(record, path.steps)) is not ABSENT), ABSENT)


def _at(here: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else ABSENT
        else:
            here = here.get(step, ABSENT) if isinstance(here, dict) else ABSENT
    return here
