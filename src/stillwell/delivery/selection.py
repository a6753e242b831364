"""Which quarantined records are meant: by rule, field, version, key, time and place, and by what became of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stillwell.contract.scalars import Unreadable, timestamp
from stillwell.errors import Problem, StillwellError, did_you_mean

STATES = {
    "open": "NOT passed AND NOT expired",
    "new": "NOT passed AND NOT expired AND NOT failing",
    "failing": "NOT passed AND NOT expired AND failing",
    "passed": "passed",
    "expired": "expired AND NOT passed",
}
"""What may have become of a record; open ones are new (never replayed) or failing (replayed, and rejected again)."""


@dataclass(frozen=True)
class Selection:
    """Records for which every key that is said holds; a key with several values holds for any of them.

    `rule` and `field` are those of a reason to reject, one reason for both; they and `version` may have `*` for any
    text. `offset` are ranges with both ends in them. `since` is the first ingest time that is meant, `until` the first
    one that is not.
    """

    rule: tuple[str, ...] = ()
    field: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    partition: tuple[int, ...] = ()
    offset: tuple[tuple[int, int], ...] = ()
    state: tuple[str, ...] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @staticmethod
    def parse(texts: Iterable[str]) -> Selection:
        """The selection of texts `KEY=VALUE`.

        Raises:
            StillwellError: code `bad-where`, with a problem for each text that cannot be understood.
        """
        found: dict[str, Any] = {}
        problems = []
        for text in texts:
            key, equals, value = text.partition("=")
            try:
                if key not in _READ or not equals:
                    raise Unreadable(f"`{text}` selects nothing: a key, `=` and a value.", did_you_mean(key, _READ))
                said = _READ[key](value)
            except Unreadable as error:
                problems.append(Problem("bad-where", error.what, error.fix, path="--where"))
                continue
            found[key] = said if key in ("since", "until") else (*found.get(key, ()), said)
        if problems:
            raise StillwellError(problems)
        return Selection(**found)

    def open_only(self) -> Selection:
        """The same among records that are open; where a state is said, that one stays."""
        return self if self.state else dataclasses.replace(self, state=("open",))

    def __str__(self) -> str:
        """As it was written; empty when everything is meant."""
        return " ".join(
            f"{name}={'..'.join(map(str, value)) if isinstance(value, list) else value}"
            for name, values in json.loads(self.to_json()).items()
            for value in (values if isinstance(values, list) else [values])
        )

    def unknown(self, rules: Iterable[str], fields: Iterable[str]) -> list[Problem]:
        """A problem of code `bad-where` for each rule and field that is said and that none of these names fits."""
        said = [("rule", one, rules) for one in self.rule] + [("field", _no_place(one), fields) for one in self.field]
        return [
            Problem("bad-where", f"No {kind} is called `{name}`.", did_you_mean(name, known), path="--where")
            for kind, name, known in said
            if not any(re.fullmatch(re.escape(name).replace(r"\*", ".*"), one, re.DOTALL) for one in known)
        ]

    def to_json(self) -> str:
        """Plain JSON of what is said."""
        plain = {name: value for name, value in dataclasses.asdict(self).items() if value not in ((), None)}
        return json.dumps(plain, default=lambda moment: moment.isoformat(), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Selection:
        """The selection that `to_json` wrote."""
        plain = json.loads(text)
        for name, value in plain.items():
            if name in ("since", "until"):
                plain[name] = dt.datetime.fromisoformat(value)
            else:
                plain[name] = tuple(tuple(one) if isinstance(one, list) else one for one in value)
        return Selection(**plain)

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on the columns of quarantined rows and on `passed`, `failing`, `expired`; and its parameters."""
        parts: list[str] = []
        given: list[Any] = []

        def add(condition: str, values: Sequence[Any]) -> None:
            if values:
                parts.append("(" + " OR ".join([condition] * len(values)) + ")")
                given.extend(value for one in values for value in (one if isinstance(one, tuple) else (one,)))

        if self.rule or self.field:
            # What a record was warned of did not bring it here.
            about = ["r.severity <> 'warn'"] + [f"({_either('r.rule', len(self.rule))})"] * bool(self.rule)
            # A reason about an element names its place, one about several fields all of them.
            field = r"regexp_replace(r.field, '\[\d+\]', '[]', 'g')"
            each = f"len(list_filter(string_split({field}, ','), lambda f: {_LIKE.format('f')})) > 0"
            fields = " OR ".join([each] * len(self.field))
            about += [f"({fields})"] * bool(self.field)
            parts.append(f"len(list_filter(reasons, lambda r: {' AND '.join(about)})) > 0")
            given += [_like(one) for one in (*self.rule, *(_no_place(one) for one in self.field))]
        add(_LIKE.format("_stillwell.version"), [_like(one) for one in self.version])
        add('"key" = encode(?)', self.key)
        add("_stillwell.partition = ?", self.partition)
        add('_stillwell."offset" BETWEEN ? AND ?', self.offset)
        add("_stillwell.ingest_time >= ?", [self.since] * (self.since is not None))
        add("_stillwell.ingest_time < ?", [self.until] * (self.until is not None))
        parts += ["(" + " OR ".join(f"({STATES[one]})" for one in self.state) + ")"] * bool(self.state)
        return " AND ".join(parts) or "true", given


_LIKE = "{} LIKE ? ESCAPE '\\'"


def _either(what: str, count: int) -> str:
    return " OR ".join([_LIKE.format(what)] * count)


def _like(text: str) -> str:
    """A pattern for LIKE, in which `*` alone stands for any text."""
    return re.sub(r"([%_\\])", r"\\\1", text).replace("*", "%")


def _no_place(field: str) -> str:
    return re.sub(r"\[\d+\]", "[]", field)


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise Unreadable(f"`{text}` is not a whole number.", "Write it like `12`.")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    low, high = _whole(first), _whole(last if dots else first)
    if low > high:
        raise Unreadable(f"`{text}` is empty.", "Write the lower offset first, like `100..199`.")
    return low, high


def _state(text: str) -> str:
    if text not in STATES:
        raise Unreadable(f"`{text}` is no state of a record.", did_you_mean(text, STATES))
    return text


def _text(text: str) -> str:
    if not text:
        raise Unreadable("Nothing is after the `=`.", "Write what is meant, like `rule=temperature.*`.")
    return text


_READ: dict[str, Callable[[str], Any]] = {
    "rule": _text,
    "field": _text,
    "version": _text,
    "key": lambda text: text,
    "partition": _whole,
    "offset": _range,
    "state": _state,
    "since": timestamp,
    "until": timestamp,
}
