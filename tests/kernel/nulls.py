"""What becomes of every kind of rule over NULL: the cases that test it, and the page that is made of them.

`python -m tests.kernel.nulls` prints the page, which is committed as docs/reference/nulls.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.kernel.records import judge

NOT, KEPT, BROKEN = "not evaluated", "kept", "broken"


@dataclass(frozen=True)
class Case:
    """A rule of a kind, in a contract of these lines, over a record, and its outcome; `says` is the page's word for both."""

    kind: str
    rest: str
    rule: str
    record: str
    outcome: str
    says: str
    before: tuple[str, ...] = ()


CONSTRAINTS = {
    "pattern": ("type: string, pattern: 'a+'", "pattern: 'a+'"),
    "format_name": ("type: string, format: ipv4", "format: ipv4"),
    "allowed": ("type: integer, allowed: [1, 2]", "allowed: [1, 2]"),
    "length": ("type: string, min_length: 2, max_length: 3", "max_length: 3"),
    "range": ("type: double, min: 1, max: 5", "min: 1, max: 5"),
}
"""By kind of rule: a field with it, and the same as a softer or harder level."""

NULLS = {"absent": "{}", "null": '{"x": null}', "in `missing`": '{"x": "NA"}'}

EXPRESSIONS = {
    "a > b": {"a": NOT, "b": NOT, "ab": NOT},
    "a = b": {"a": NOT, "b": NOT, "ab": NOT},
    "a <> b": {"a": NOT, "b": NOT, "ab": NOT},
    "a + b > 0": {"a": NOT, "b": NOT, "ab": NOT},
    "a between b and 9": {"a": NOT, "b": NOT, "ab": NOT},
    "a in (1, 2, b)": {"a": NOT, "b": KEPT, "ab": NOT},
    "a > 0 and b > 0": {"a": NOT, "b": NOT, "ab": NOT},
    "a > 5 and b > 0": {"a": NOT, "b": BROKEN, "ab": NOT},
    "a > 0 or b > 5": {"a": NOT, "b": KEPT, "ab": NOT},
    "not (a > b)": {"a": NOT, "b": NOT, "ab": NOT},
    "a is null or b > 0": {"a": KEPT, "b": NOT, "ab": KEPT},
    "a is not null": {"a": BROKEN, "b": KEPT, "ab": BROKEN},
    "coalesce(a, 1) >= coalesce(b, 1)": {"a": BROKEN, "b": KEPT, "ab": KEPT},
    "a is distinct from b": {"a": KEPT, "b": KEPT, "ab": BROKEN},
    "case when a > b then true else a < 9 end": {"a": NOT, "b": KEPT, "ab": NOT},
    "a / b > 0": {"a": NOT, "b": NOT, "ab": NOT},
}
"""Record rules over the integers a = 1 and b = 2: the outcome when these of them are null."""


def _constraints() -> Iterator[Case]:
    yield from _of_field("type", "type: double", "x.type", "type: double", NOT)
    for kind, (keys, level) in CONSTRAINTS.items():
        name = kind.removesuffix("_name")
        yield from _of_field(kind, keys, f"x.{name}", keys, NOT)
        base = keys.partition(",")[0]
        for severity in ("warn", "fail"):
            keys_with = f"{base}, {severity}: {{{level}}}"
            yield from _of_field(kind, keys_with, f"x.{severity}.{name}", keys_with, NOT)
    yield from _of_field(
        "required", "type: double, required: true", "x.required", "type: double, required: true", BROKEN
    )
    yield from _of_field("range", "type: timestamp, max: now + 1m", "x.range", "type: timestamp, max: now + 1m", NOT)


def _of_field(kind: str, keys: str, rule: str, says: str, outcome: str) -> Iterator[Case]:
    for null, record in NULLS.items():
        yield Case(
            kind, f"fields: {{x: {{{keys}, missing: [NA]}}}}", rule, record, outcome, f"`{says}`, the value {null}"
        )


def _arrays() -> Iterator[Case]:
    rest = "fields: {x: {type: array, max_items: 2, items: {type: integer, min: 0}}}"
    yield Case("length", rest, "x.length", '{"x": null}', NOT, "`max_items: 2`, the array null")
    yield Case("range", rest, "x[].range", '{"x": null}', NOT, "`items: {min: 0}`, the array null")
    yield Case("range", rest, "x[].range", '{"x": [null]}', NOT, "`items: {min: 0}`, every element null")
    yield Case(
        "range", rest, "x[].range", '{"x": [null, -1]}', BROKEN, "`items: {min: 0}`, one element null and one bad"
    )
    yield Case("range", rest, "x[].range", '{"x": [null, 1]}', KEPT, "`items: {min: 0}`, one element null and one good")
    inner = "fields: {x: {type: object, fields: {y: {type: integer, min: 0}}}}"
    yield Case("range", inner, "x.y.range", '{"x": null}', NOT, "`fields: {y: {min: 0}}`, the object null")
    yield Case("range", inner, "x.y.range", '{"x": {"y": null}}', NOT, "`fields: {y: {min: 0}}`, the member null")
    computed = "fields: {a: {type: integer}, x: {type: integer, value: 'a + 1', min: 0}}"
    yield Case("type", computed, "x.type", '{"a": null}', NOT, "`value: a + 1`, with a null")
    yield Case("range", computed, "x.range", '{"a": null}', NOT, "`value: a + 1, min: 0`, with a null")


def _rules() -> Iterator[Case]:
    fields = "fields: {a: {type: integer}, b: {type: integer}}\n"
    records = {"a": '{"a": null, "b": 2}', "b": '{"a": 1, "b": null}', "ab": '{"a": null, "b": null}'}
    words = {"a": "a null", "b": "b null", "ab": "both null"}
    for expect, fates in EXPRESSIONS.items():
        for null, outcome in fates.items():
            rest = f'{fields}rules: {{r: {{expect: "{expect}"}}}}'
            yield Case("expression", rest, "r", records[null], outcome, f"`{expect}`, {words[null]}")
    for null, record in records.items():
        rest = f'{fields}rules: {{r: {{expect: "a > b", if_null: fail}}}}'
        yield Case("expression", rest, "r", record, BROKEN, f"`a > b, if_null: fail`, {words[null]}")
    for condition, outcome in (("b > 1", NOT), ("b is null", BROKEN)):
        rest = f'{fields}rules: {{r: {{expect: "a > 5", where: "{condition}"}}}}'
        yield Case("expression", rest, "r", records["b"], outcome, f"`a > 5, where: {condition}`, b null")
    rest = f'{fields}rules: {{r: {{expect: "a > 5", where: "b > 1", if_null: fail}}}}'
    yield Case("expression", rest, "r", records["ab"], NOT, "`a > 5, where: b > 1, if_null: fail`, both null")


def _payloads() -> Iterator[Case]:
    rest = "fields: {x: {type: double, required: true}}"
    yield Case("empty", rest, "payload.empty", "", BROKEN, "a null payload")
    for rule in ("payload.encoding", "payload.format", "x.type", "x.required"):
        yield Case(rule.partition(".")[2], rest, rule, "", NOT, f"`{rule}`, of a null payload")
    other = "other_fields: reject\nfields: {x: {type: double}}"
    yield Case(
        "other_fields", other, "other_fields", '{"y": null}', BROKEN, "`other_fields: reject`, an undeclared field null"
    )
    yield Case("other_fields", other, "other_fields", "", NOT, "`other_fields: reject`, of a null payload")


HISTORY = {
    "jump": "field: x, max: 1, within: 1h",
    "change": "field: x, max: 1, within: 1h",
    "spike": "field: x, max: 1, records: 1",
    "unchanged": "field: x, for: 1s",
    "unique": "fields: [k, x], within: 1h",
    "order": "",
    "late": "max: 1s",
    "count": "max: 1, within: 1h",
    "counter": "field: x",
    "step": "field: x, severity: warn",
    "gap": "max: 1s, severity: warn",
    "transition": "field: x, start: 1, allowed: {1: [2]}",
    "session": "inactivity: 1h, records: 1",
}
"""By kind of sequence rule: its keys, under which a record of nulls comes after one that could be compared with it."""


def _history() -> Iterator[Case]:
    before = '{"k": "a", "t": "2024-06-01T10:00:00Z", "x": 1}'
    nulls = {
        "the key": '{"t": "2024-06-01T10:30:00Z", "x": 9}',
        "the event time": '{"k": "a", "x": 9}',
        "the value": '{"k": "a", "t": "2024-06-01T10:30:00Z"}',
    }
    for kind, keys in HISTORY.items():
        rest = (
            "key: k\ntime: t\nfields: {k: {type: string}, t: {type: timestamp}, x: {type: integer}}\n"
            f"sequence: {{r: {{kind: {kind}{', ' + keys if keys else ''}}}}}"
        )
        for null, record in nulls.items():
            if _read(kind, null):
                yield Case("sequence", rest, "r", record, NOT, f"`kind: {kind}`, {null} null", (before,))


def _read(kind: str, null: str) -> bool:
    """Whether a kind reads what is null."""
    if null == "the key":
        return kind != "late"
    if null == "the event time":
        return kind not in ("counter", "step", "transition", "spike")
    return "field" in HISTORY[kind]


SECTIONS = {
    "Rules of a field": tuple(_constraints()),
    "Arrays, objects, computed fields": tuple(_arrays()),
    "Rules of a record": tuple(_rules()),
    "Rules over a key's history": tuple(_history()),
    "The payload": tuple(_payloads()),
}


def outcome(case: Case) -> str:
    """What the kernel's tally says of a case."""
    before, record = [one.encode() for one in case.before], case.record.encode() or None
    found = judge(case.rest, [*before, record]).tally.rules[case.rule]
    # What was said of the records before it is not what is asked.
    known = judge(case.rest, before).tally.rules[case.rule] if before else None
    failed, skipped = (
        int(getattr(found, what).sum()) - (int(getattr(known, what).sum()) if known else 0)
        for what in ("failed", "not_evaluated")
    )
    return BROKEN if failed else NOT if skipped else KEPT


def page() -> str:
    """The page, in Markdown."""
    lines = [*_HEAD]
    for title, cases in SECTIONS.items():
        lines += [f"## {title}", "", "| rule and record | outcome |", "|---|---|"]
        lines += [f"| {case.says} | {case.outcome} |" for case in cases]
        lines.append("")
    return "\n".join(lines)


_HEAD = (
    "# Rules over NULL",
    "",
    "A rule over NULL is *not evaluated*: it is counted as such in the tally, never as passed, and rejects nothing. Two keys say otherwise: `required: true`",
    "asks for a value, and `if_null: fail` on a record rule makes what cannot be evaluated a failure. NULL is what is absent, null, or one of `missing`, after",
    "repair. Expressions follow SQL: `and` and `or` need no more operands than settle them. This page is made of the cases that test it.",
    "",
)

if __name__ == "__main__":
    print(page(), end="")
