"""What each kind of sequence rule asks: what it reads, how much it remembers of a key, what it says of who breaks it.

Kinds and words are those of `sequence.c`. Times are microseconds since 1970.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract, Expression, Limits, SequenceRule, show
from stillwell.errors import ContractError, Where, fail

KINDS = (
    "jump", "change", "unchanged", "unique", "order", "late", "count",
    "counter", "step", "gap", "transition", "spike", "session",
)  # fmt: skip
"""In the order of `sequence.c`."""

PARTS = 8
"""Of the time that `change` looks back on: a spread is remembered part by part."""

MOST_COUNTED = 1024
MOST_SPIKE = 16
MOST_STATES = 1000

_CENTURY = 36_525 * 86_400_000_000
"""More is as good as for ever, and what is added to it stays a number of 64 bits."""

_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Kind:
    """`words` that a rule remembers of a key; whether it looks at a number, a `code` or at nothing but the time."""

    words: Callable[[Step], int]
    value: str = ""
    every: bool = False
    of_key: bool = True
    horizon: Callable[[Step], int] | None = None
    """How long after its last record a key may be forgotten, as no verdict depends on it then; None for never."""


@dataclass(frozen=True)
class Step:
    """One rule as it is judged: its parameters as `sequence.c` wants them, and the columns that it reads."""

    name: str
    kind: str
    severity: str
    field: str | None
    key: tuple[str, ...]
    within: int = 0
    count: int = 0
    limit: float = 0.0
    exclusive: bool = False
    every: bool = False
    where: Expression | None = None
    states: tuple[Any, ...] = ()
    allowed: tuple[tuple[bool, ...], ...] = ()

    @property
    def close(self) -> str:
        """How near its limit is allowed to be, in words."""
        return "less than" if self.exclusive else "at most"

    @cached_property
    def span(self) -> str:
        """The time that it looks back on, in words."""
        return show(dt.timedelta(microseconds=self.within))

    @property
    def words(self) -> int:
        """How many words of a key it remembers."""
        return OF[self.kind].words(self)

    @property
    def digest(self) -> str:
        """What is the same as long as what it remembers means the same."""
        parts = [self.kind, self.field, self.key, self.within, self.count, [show(state) for state in self.states]]
        return hashlib.sha256(json.dumps([*parts, self.where and self.where.sql, self.every]).encode()).hexdigest()[:16]

    def matrix(self) -> npt.NDArray[np.uint8]:
        """For each state, and for the beginning, which may follow."""
        return np.array(self.allowed, np.uint8)


OF: Mapping[str, Kind] = {
    "jump": Kind(lambda _: 2, "number", horizon=lambda step: step.within),
    "change": Kind(lambda _: 1 + 2 * PARTS, "number", horizon=lambda step: step.within),
    "unchanged": Kind(lambda _: 2, "code", every=True),
    "unique": Kind(lambda _: 0, of_key=False, horizon=lambda step: step.within),
    "order": Kind(lambda _: 1),
    "late": Kind(lambda _: 0, of_key=False),
    "count": Kind(lambda step: 1 + step.count, every=True, horizon=lambda step: step.within),
    "counter": Kind(lambda _: 2, "number"),
    "step": Kind(lambda _: 2, "number"),
    "gap": Kind(lambda _: 1),
    "transition": Kind(lambda _: 1, "state"),
    "spike": Kind(lambda step: 1 + step.count, "number"),
    "session": Kind(lambda _: 3, horizon=lambda step: step.within),
}


def steps(contract: Contract) -> tuple[Step, ...]:
    """The sequence rules of a contract as they are judged.

    Raises:
        ContractError: for what would have to remember too much of each key.
    """
    return tuple(_step(contract, rule) for rule in contract.sequence if rule.kind in OF)


def _step(contract: Contract, rule: SequenceRule) -> Step:
    options = rule.options
    limits, where = options.get("limits", Limits()), options.get("where")
    once = options.get("fields") or contract.identity
    assert isinstance(limits, Limits)
    assert isinstance(once, tuple)
    assert where is None or isinstance(where, Expression)
    field = str(options["field"]) if "field" in options else None
    key = once if rule.kind == "unique" else rule.key or contract.key
    nested = {one.name for one in contract.fields if one.type in ("object", "array")}
    if odd := nested & {field, *key}:
        why = f"would have to compare {', '.join(map(str, odd))}, which has parts of its own"
        raise _refused(contract, rule, why, "Name fields that hold one value.")
    return Step(
        name=rule.name,
        kind=rule.kind,
        severity=rule.severity,
        field=field,
        key=key,
        exclusive=limits.max is None and limits.below is not None,
        every=OF[rule.kind].every or options.get("history") == "all",
        where=where,
        **_Parameters(contract, rule, limits).of_kind(),
    )


@dataclass(frozen=True)
class _Parameters:
    """Reads the keys of a rule into the parameters of its kind."""

    contract: Contract
    rule: SequenceRule
    limits: Limits

    def of_kind(self) -> dict[str, Any]:
        kind = self.rule.kind
        if kind in ("jump", "change"):
            return {"within": self._time("within"), "limit": self._limit()}
        if kind == "unchanged":
            return {"within": self._time("for")}
        if kind == "unique":
            return {"within": self._time("within")}
        if kind in ("late", "gap"):
            return {"within": self._time("max")}
        if kind == "count":
            return {"within": self._time("within"), "count": self._whole(self._limit(), MOST_COUNTED)}
        if kind == "spike":
            return {"count": self._whole(self.rule.options.get("records", 5), MOST_SPIKE), "limit": self._limit()}
        if kind == "session":
            longest = self._time("longest") if "longest" in self.rule.options else 0
            most = self._whole(self.rule.options["records"], 2**53) if "records" in self.rule.options else 0
            return {"within": self._time("inactivity"), "limit": float(longest), "count": most}
        if kind == "counter":
            return {"count": int(bool(self.rule.options.get("reset")))}
        if kind == "step":
            return {"limit": float(self.rule.options.get("by", 1))}  # type: ignore[arg-type]
        return self._states() if kind == "transition" else {}

    def _time(self, option: str) -> int:
        long = self.rule.options[option]
        assert isinstance(long, dt.timedelta)
        return min(max(long // _MICROSECOND, PARTS), _CENTURY)

    def _limit(self) -> float:
        limit = self.limits.max if self.limits.max is not None else self.limits.below
        assert isinstance(limit, int | float)
        return float(limit)

    def _whole(self, number: object, most: int) -> int:
        found = float(number)  # type: ignore[arg-type]
        if not 1 <= found <= most or found != int(found):
            why = f"would remember {found:g} records of each key"
            raise _refused(self.contract, self.rule, why, f"Say a whole number from 1 to {most:,}.")
        return int(found)

    def _states(self) -> dict[str, Any]:
        options = self.rule.options
        allowed: Mapping[str, tuple[Any, ...]] = options["allowed"]  # type: ignore[assignment]
        start: tuple[Any, ...] = options.get("start", ())  # type: ignore[assignment]
        names = list(
            dict.fromkeys([*allowed, *map(show, start), *(show(one) for after in allowed.values() for one in after)])
        )
        if len(names) > MOST_STATES:
            raise _refused(self.contract, self.rule, f"has {len(names):,} states", f"{MOST_STATES:,} are the most.")
        follows = [{show(one) for one in allowed.get(name, ())} for name in names]
        first = set(map(show, start)) or set(names)
        matrix = tuple(tuple(to in after for to in names) for after in [*follows, first])
        return {"count": len(names), "states": tuple(names), "allowed": matrix}


def _refused(contract: Contract, rule: SequenceRule, why: str, fix: str) -> Exception:
    return fail(
        ContractError,
        "not-supported",
        f"The sequence rule `{rule.name}` ({rule.kind}) {why}.",
        fix,
        where=Where(contract.file, rule.line, 1),
        path=f"sequence.{rule.name}",
    )


def expected(step: Step, before: npt.NDArray[np.int64]) -> pa.Array:
    """What records that broke a rule were expected to be (texts), told by the bits of what each was compared with."""
    if step.kind == "transition":
        return pa.array([_follows(step, state) for state in range(len(step.states) + 1)]).take(pa.array(before))
    head, told, tail = _EXPECTED[step.kind](step).partition(_NUMBER if OF[step.kind].value == "number" else _MOMENT)
    if told == _MOMENT:
        shown = _moments(before)
    else:
        shown = pa.array([f"{number:.15g}" if told else "" for number in before.view(np.float64).tolist()], pa.string())
    return pc.binary_join_element_wise(head, shown, tail, "")


_MOMENT, _NUMBER = "{moment}", "{number}"

_EXPECTED: Mapping[str, Callable[[Step], str]] = {
    "jump": lambda step: f"{step.close} {_plain(step.limit)} away from {_NUMBER}, the value before, within {step.span}",
    "change": lambda step: (
        f"a spread of {step.close} {_plain(step.limit)} within {step.span}, in which there was {_NUMBER}"
    ),
    "spike": lambda step: f"{step.close} {_plain(step.limit)} away from {_NUMBER}, the median of {step.count} values",
    "unchanged": lambda step: f"another value than since {_MOMENT}, after {step.span}",
    "unique": lambda step: f"once within {step.span}, and it came at {_MOMENT}",
    "order": lambda _: f"not before {_MOMENT}, the newest of its key",
    "late": lambda step: f"at most {step.span} before {_MOMENT}, the newest of its partition",
    "count": lambda step: f"at most {step.count:,} records of a key within {step.span}",
    "counter": lambda _: f"not below {_NUMBER}, the value before",
    "step": lambda step: f"at most {_plain(step.limit)} above {_NUMBER}, the value before",
    "gap": lambda step: f"within {step.span} after {_MOMENT}, the one before",
    "session": lambda _: f"a session that is over by now: it began at {_MOMENT}",
}


def _follows(step: Step, before: int) -> str:
    after = [state for state, fine in zip(step.states, step.allowed[before], strict=True) if fine]
    return (
        ("first" if before == len(step.states) else f"after {step.states[before]}")
        + ": "
        + (" or ".join(after) or "nothing")
    )


def _plain(number: float) -> str:
    return f"{number:.15g}"


def _moments(micros: npt.NDArray[np.int64]) -> pa.Array:
    """As ISO 8601 in UTC; a part of a second only where there is one."""
    times = micros.view("datetime64[us]")
    whole = micros % 1_000_000 == 0
    texts = [np.datetime_as_string(times, unit=unit).astype(object) for unit in ("s", "us")]
    return pc.binary_join_element_wise(pa.array(np.where(whole, *texts), pa.string()), "Z", "")
