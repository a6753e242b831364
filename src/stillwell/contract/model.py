"""What a contract is, once read: frozen plain data that every other room can rely on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from stillwell.errors import Where

Severity: TypeAlias = Literal["reject", "warn", "fail"]
Literal_: TypeAlias = str | int | float | bool | Decimal | dt.datetime | dt.date | dt.time | None

TYPES = (
    "string",
    "integer",
    "double",
    "decimal",
    "boolean",
    "timestamp",
    "date",
    "time",
    "object",
    "array",
    "json",
)


@dataclass(frozen=True)
class Now:
    """A limit relative to the record's ingest time: `now + 1m` is `Now(timedelta(minutes=1))`."""

    offset: dt.timedelta = dt.timedelta(0)


Bound: TypeAlias = int | float | Decimal | dt.datetime | dt.date | dt.time | dt.timedelta | Now
"""A limit: of a field's type; in windows also a duration (freshness), while shares are fractions of one."""


@dataclass(frozen=True)
class Limits:
    """A range: `min` and `max` inclusive, `above` and `below` exclusive; None where there is no limit."""

    min: Bound | None = None
    max: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.min, self.max, self.above, self.below))

    def describe(self) -> str:
        """The range in words a reason can show, for example `-40 … 85`, `> 0`, `≤ now + 1m`."""
        if self.min is not None and self.max is not None and self.above is None and self.below is None:
            return f"{show(self.min)} … {show(self.max)}"
        signs = (("≥", self.min), (">", self.above), ("≤", self.max), ("<", self.below))
        return " and ".join(f"{sign} {show(limit)}" for sign, limit in signs if limit is not None)


@dataclass(frozen=True)
class Constraints:
    """What one severity asks of a parsed value; the empty one asks nothing."""

    limits: Limits = Limits()
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    pattern: str | None = None
    formats: tuple[str, ...] = ()
    allowed: tuple[Literal_, ...] = ()
    lookup: str | None = None

    def __bool__(self) -> bool:
        return self != Constraints()


FixKind: TypeAlias = Literal["clamp", "truncate", "clear", "value", "fill", "cap"]


@dataclass(frozen=True)
class Fix:
    """A repair: `clamp`, `truncate`, `clear`, a constant `value`; `fill` and `cap` read the key's history."""

    kind: FixKind
    value: Literal_ = None
    method: str = ""
    within: dt.timedelta | None = None
    quantiles: tuple[float, float] | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Clean:
    """One step on the raw text: trim, squeeze, lower, upper, strip_unit, decimal_comma, or `map` old to new."""

    kind: Literal["trim", "squeeze", "lower", "upper", "strip_unit", "decimal_comma", "map"]
    mapping: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Path:
    """Where a value lies: steps into the payload (a name, or a number for an array), or a part of the envelope.

    An envelope path (`$key`, `$header.x`) has its name in `envelope` (`key`, `header.x`) and no steps.
    """

    steps: tuple[str | int, ...] = ()
    envelope: str | None = None


@dataclass(frozen=True)
class Expression:
    """A checked SQL expression in DuckDB's dialect, and the fields and lookups it reads."""

    sql: str
    fields: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlugIn:
    """A plug-in by name with its options, as plain texts, tuples and mappings."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One field; `strict` is what the contract's `parsing` says.

    `parse_formats` say how to parse times; `formats` among the constraints what to check of texts.
    """

    name: str
    type: str
    paths: tuple[Path, ...] = ()
    value: Expression | None = None
    required: bool = False
    default: Literal_ = None
    has_default: bool = False
    missing: tuple[str, ...] = ()
    strict: bool = False
    clean: tuple[Clean, ...] = ()
    parse_formats: tuple[str, ...] = ("iso",)
    zone: str = "UTC"
    precision: int | None = None
    scale: int | None = None
    unit: str | None = None
    sensitive: Literal["mask", "hash"] | None = None
    description: str | None = None
    constraints: Constraints = Constraints()
    warn: Constraints = Constraints()
    fail: Constraints = Constraints()
    repair: Mapping[str, Fix] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    items: Field | None = None
    odcs: Mapping[str, object] = field(default_factory=dict)
    line: int = field(default=0, compare=False)

    def levels(self) -> Iterator[tuple[Severity, str, Constraints]]:
        """The constraints of each severity with the prefix of their rule names, in the order of judging."""
        yield "reject", f"{self.name}.", self.constraints
        yield "warn", f"{self.name}.warn.", self.warn
        yield "fail", f"{self.name}.fail.", self.fail


@dataclass(frozen=True)
class RecordRule:
    """A rule over one record: `expect` must hold `where` it applies; over NULL it is not evaluated."""

    name: str
    expect: Expression
    severity: Severity = "reject"
    where: Expression | None = None
    if_null: Literal["skip", "fail"] = "skip"
    description: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class SequenceRule:
    """A rule over a key's history, as read and linted; `options` holds the keys of its kind."""

    name: str
    kind: str
    options: Mapping[str, object] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    severity: Severity = "reject"
    description: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class WindowRule:
    """A limit on, or a detector over, one measure of a window, as read and linted."""

    name: str
    measure: str
    limits: Limits = Limits()
    detect: object = None
    against: dt.timedelta | None = None
    after: tuple[int, int] = (1, 1)
    severity: Severity = "warn"
    description: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Window:
    """Windows of event time and the rules over them, as read and linted."""

    name: str
    every: dt.timedelta | None
    size: dt.timedelta | None = None
    session: dt.timedelta | None = None
    by: tuple[str, ...] = ()
    late: dt.timedelta = dt.timedelta(0)
    where: Expression | None = None
    rules: tuple[WindowRule, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Lookup:
    """A small table to compare with: its key and its typed columns; where it lies is the pipeline's matter."""

    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Contract:
    """What good data is. `digest` is a hash of the resolved model, the identity that a verdict was given under."""

    name: str
    version: str
    fields: tuple[Field, ...]
    status: Literal["draft", "active", "deprecated", "retired"] = "active"
    owner: str | None = None
    description: str | None = None
    time: str | None = None
    key: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    parsing: Literal["lenient", "strict"] = "lenient"
    other_fields: Literal["ignore", "keep", "warn", "reject"] = "ignore"
    rules: tuple[RecordRule, ...] = ()
    sequence: tuple[SequenceRule, ...] = ()
    windows: tuple[Window, ...] = ()
    table: tuple[WindowRule, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    odcs: Mapping[str, object] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)
    file: str = field(default="", compare=False)
    places: Mapping[str, Where] = field(default_factory=dict, compare=False, repr=False)

    def where(self, path: str) -> Where:
        """Where the thing at `path` (`fields.temperature.max`) is written, or else the nearest thing around it."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, Where(self.file))

    def field(self, name: str) -> Field:
        """The field called `name`; KeyError when there is none."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)


def show(value: object) -> str:
    """A limit or literal as a person would write it."""
    if isinstance(value, Now):
        seconds = value.offset.total_seconds()
        return "now" if not seconds else f"now {'+' if seconds > 0 else '-'} {show_duration(abs(value.offset))}"
    if isinstance(value, dt.timedelta):
        return show_duration(value)
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def show_duration(duration: dt.timedelta) -> str:
    """A duration in the contract's own form: `1h30m`, `250ms`."""
    left = round(duration.total_seconds() * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
