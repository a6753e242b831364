"""Contracts at random: fields of every type with constraints, repairs, steps and defaults, rules, undeclared fields.

A contract is plain data here (`dict`), whose JSON is the YAML that is loaded. What contradicts itself is taken out.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.errors import ContractError
from tests.fuzz.expressions import grow, sql

SCALARS = ("string", "integer", "double", "decimal", "boolean", "timestamp", "date", "time")
NESTED = ("object", "array", "json")

PATTERNS = ("s_[0-9]{3}", "[a-z]*", ".+", "(a|b|abc).*", "[^0-9]{1,5}", "[0-9.eE+-]+", "[a-zA-Z0-9_]+", "é?.*")
TEXTS = ("abc", "NO", "12", "s_001", "", "true", "é", "1e5")
MISSING = ("", "-", "NA", "-200", "n/a", "null", "0", "999", "1e3", " ")
UNITS = ("°C", "%", "kg")
ZONES = ("America/New_York", "Europe/Oslo", "Asia/Kathmandu", "UTC")
LITERALS = {
    "integer": ("-5", "0", "1", "3", "10", "1000", "9223372036854775807"),
    "double": ("-40", "-1.5", "0", "0.5", "1", "12.5", "85", "1e6"),
    "decimal": ("-1", "0", "1.5", "2.25", "99"),
    "timestamp": ("2000-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-06-01T12:00:00Z", "now", "now + 1m", "now - 7d"),
    "date": ("2000-01-01", "2024-01-01", "2024-06-01", "2024-02-29"),
    "time": ("00:00", "08:30", "12:00", "20:00:00", "23:59:59.999999"),
    "boolean": ("true", "false"),
    "string": TEXTS,
}  # fmt: skip

Spec = dict[str, Any]


def text(spec: Spec) -> str:
    """The contract as YAML, with its rules (which are trees) as SQL."""
    written = dict(spec)
    if "rules" in spec:
        written["rules"] = {
            name: {key: sql(part) if key in ("expect", "where") else part for key, part in rule.items()}
            for name, rule in spec["rules"].items()
        }
    return json.dumps(written, ensure_ascii=False)


def load(spec: Spec) -> Contract:
    """The contract; ContractError where it cannot be read."""
    return parse(text(spec))


def contract(draw: random.Random, form: str = "json") -> Spec:
    """A contract that can be loaded; only scalar fields for delimited text."""
    kinds = SCALARS if form == "csv" else (*SCALARS, *SCALARS, *NESTED)
    count = draw.choice([1, 2, 3, 4, 5, 6])
    spec: Spec = {"contract": "fuzzed", "version": "1.0.0"}
    if draw.random() < 0.25:
        spec["missing"] = draw.sample(MISSING, draw.randint(1, 3))
    if draw.random() < 0.2:
        spec["parsing"] = "strict"
    spec["fields"] = {f"f{number}": field(draw, draw.choice(kinds)) for number in range(count)}
    for name, one in spec["fields"].items():
        _place(draw, name, one, form)
    spec["other_fields"] = draw.choice(["ignore", "ignore", "keep", "warn", "reject"])
    usable = _settled(spec)
    types = {name: one["type"] for name, one in usable["fields"].items() if _ruled(one)}
    if types and draw.random() < 0.6:
        usable["rules"] = {f"r{number}": rule(draw, types) for number in range(draw.randint(1, 3))}
    return _settled(usable)


def _ruled(one: Spec) -> bool:
    return one["type"] in ("string", "integer", "double", "decimal", "boolean", "timestamp")


def rule(draw: random.Random, types: dict[str, str]) -> Spec:
    """A record rule over fields of these types."""
    found: Spec = {"expect": grow(draw, types)}
    if draw.random() < 0.3:
        found["where"] = grow(draw, types, 1)
    if draw.random() < 0.5:
        found["severity"] = draw.choice(["warn", "fail"])
    if draw.random() < 0.3:
        found["if_null"] = "fail"
    return found


def field(draw: random.Random, kind: str, depth: int = 2) -> Spec:
    """A field of a type, its children and items with it."""
    one: Spec = {"type": kind}
    if draw.random() < 0.35:
        one["required"] = "true"
    if kind == "object":
        kinds = (*SCALARS, *NESTED) if depth > 1 else SCALARS
        one["fields"] = {
            f"c{number}": field(draw, draw.choice(kinds), depth - 1) for number in range(draw.randint(1, 3))
        }
    elif kind == "array":
        kinds = (*SCALARS, *NESTED) if depth > 1 else SCALARS
        one["items"] = _item(field(draw, draw.choice(kinds), depth - 1))
        one |= {key: draw.choice([0, 1, 2, 3]) for key in ("min_items", "max_items") if draw.random() < 0.3}
    elif kind != "json":
        _scalar(draw, kind, one)
    rules = [
        kind for kind in ("type", "required", "pattern", "format", "allowed", "length", "range") if draw.random() < 0.2
    ]
    if rules:
        one["repair"] = {rule: _fix(draw, kind, rule) for rule in rules}
    return one


def _item(one: Spec) -> Spec:
    """An element can be neither repaired nor absent."""
    one = {key: part for key, part in one.items() if key not in ("repair", "default")}
    if "fields" in one:
        one["fields"] = {name: _item(child) for name, child in one["fields"].items()}
    return one


def _scalar(draw: random.Random, kind: str, one: Spec) -> None:
    literals = LITERALS[kind]
    if kind == "decimal":
        one["precision"] = draw.choice([3, 9, 12, 18, 38])
        one["scale"] = draw.choice([0, 1, 2, 3])
    if kind == "timestamp":
        one["format"] = draw.sample(["iso", "epoch_s", "dd.MM.yyyy HH:mm"], draw.randint(1, 3))
        if draw.random() < 0.4:
            one["zone"] = draw.choice(ZONES)
    one |= _constraints(draw, kind)
    for level in ("warn", "fail"):
        if draw.random() < 0.2 and (inner := _constraints(draw, kind)):
            one[level] = inner
    if draw.random() < 0.2:
        one["default"] = draw.choice([text for text in literals if not text.startswith("now")])
    if draw.random() < 0.2:
        one["missing"] = draw.sample(MISSING, draw.randint(1, 3))
    if draw.random() < 0.25:
        one["unit"] = draw.choice(UNITS)
        one["clean"] = [_step(draw) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.05:
        one["sensitive"] = draw.choice(["mask", "hash"])


def _constraints(draw: random.Random, kind: str) -> Spec:
    found: Spec = {}
    if kind == "string":
        if draw.random() < 0.25:
            found["pattern"] = draw.choice(PATTERNS)
        if draw.random() < 0.1:
            found["format"] = draw.sample(["ipv4", "card-number"], draw.randint(1, 2))
        found |= {key: draw.choice([0, 1, 2, 3, 5, 12]) for key in ("min_length", "max_length") if draw.random() < 0.2}
    elif kind != "boolean":
        found |= {key: draw.choice(LITERALS[kind]) for key in ("min", "max", "above", "below") if draw.random() < 0.2}
    if draw.random() < 0.12:
        literals = [text for text in LITERALS[kind] if not text.startswith("now")]
        found["allowed"] = draw.sample(literals, draw.randint(1, min(4, len(literals))))
    return found


def _step(draw: random.Random) -> Any:
    step = draw.choice(["trim", "squeeze", "lower", "upper", "strip_unit", "decimal_comma", "map"])
    return {"map": {draw.choice(["NO", "no", "yes", "-", "12"]): draw.choice(TEXTS)}} if step == "map" else step


def _fix(draw: random.Random, kind: str, rule: str) -> Any:
    special = {"range": ["clamp"], "length": ["truncate"] if kind == "string" else []}.get(rule, [])
    constants = [text for text in LITERALS.get(kind, ()) if not text.startswith("now")]
    fixes: list[Any] = [*special, *special, "clear", *({"value": text} for text in constants[:3])]
    return draw.choice(fixes)


def _place(draw: random.Random, name: str, one: Spec, form: str) -> None:
    """Where the field lies: mostly under its own name."""
    chance = draw.random()
    if chance < 0.08:
        one["from"] = [f"old_{name}", name]
    elif chance < 0.12 and form == "json":
        one["from"] = [f"meta.{name}", name]
    elif chance < 0.15 and form == "json":
        one["from"] = f"list_{name}[1]"
    elif chance < 0.18 and one["type"] in SCALARS:
        one["from"] = draw.choice(["$key", "$topic", "$partition", "$offset", "$ingest_time"])


def _settled(spec: Spec) -> Spec:
    """The contract without the parts that cannot stand beside the others."""
    spec = json.loads(json.dumps(spec))
    for _ in range(60):
        try:
            load(spec)
        except ContractError as error:
            _take_out(spec, error.problems[0].path)
            continue
        return spec
    raise AssertionError(f"no contract is left of {text(spec)}")


def _take_out(spec: Spec, path: str) -> None:
    """Remove what a problem is about, or else the nearest thing around it that can go."""
    steps = re.findall(r"[^.\[\],]+", path.partition(",")[0])
    here: Any = spec
    trail = []
    for step in steps:
        if not isinstance(here, dict) or step not in here:
            break
        trail.append((here, step))
        here = here[step]
    # What a field is named for and made of stays, unless the whole field has to go.
    for owner, step in reversed(trail):
        if step not in ("type", "fields", "items", "precision", "scale") and len(owner) > 1:
            del owner[step]
            return
    raise AssertionError(f"cannot take out {path} of {text(spec)}")


def eased(spec: Spec, rule: str) -> Spec:
    """The contract without what a rule of this name rejects: repaired where it can be, else left out."""
    spec = json.loads(json.dumps(spec))
    if rule in spec.get("rules", {}):
        spec["rules"][rule]["severity"] = "warn"
        return spec
    if rule == "other_fields":
        return {**spec, rule: "warn"}
    *steps, kind = rule.split(".")
    here, inside = spec, False
    for step in steps:
        if step == "fail":
            here.pop("fail", None)
            return _settled(spec)
        name = step.rstrip("[]")
        if name not in here.get("fields", {}):
            return spec
        here = here["fields"][name]
        for _ in range(step.count("[]")):
            here, inside = here["items"], True
    if kind == "required":
        here.pop("required", None)
    elif inside:
        for key in _LIMITS.get(kind, (kind,)):
            here.pop(key, None)
    else:
        here.setdefault("repair", {})[kind] = "clear"
        here.pop("required", None)
    return _settled(spec)


_LIMITS = {"range": ("min", "max", "above", "below"), "length": ("min_length", "max_length")}
"""The keys of a field behind the rules that are not named after theirs."""


def sequence(draw: random.Random, spec: Spec) -> Spec:
    """Rules over a key's history for a contract; none where it has no field that could be a key."""
    types = {name: one["type"] for name, one in spec["fields"].items()}
    keys = [name for name, kind in types.items() if kind in ("string", "integer", "boolean")]
    if not keys:
        return {}
    within = draw.choice(["1s", "5s", "1m", "1h"])
    rules = [
        {"kind": "order"},
        {"kind": "late", "max": within},
        {"kind": "count", "max": draw.choice([2, 5, 20]), "within": within},
        {"kind": "gap", "max": within, "severity": "warn"},
        {"kind": "unique", "fields": draw.sample(sorted(types), 1), "within": within},
        {"kind": "session", "inactivity": within, "records": 20},
    ]
    for name in [name for name, kind in types.items() if kind in ("integer", "double", "decimal")]:
        rules += [
            {"kind": "jump", "field": name, "max": draw.choice([1, 50]), "within": within},
            {"kind": "spike", "field": name, "max": draw.choice([1, 50]), "records": 3},
            {"kind": "change", "field": name, "max": draw.choice([1, 50]), "within": within},
            {"kind": "unchanged", "field": name, "for": within, "severity": "warn"},
            {"kind": "counter", "field": name, "reset": "true", "severity": "warn"},
        ]
    chosen = draw.sample(rules, draw.randint(1, 3))
    whole = {**spec, "key": draw.choice(keys), "sequence": {f"s{number}": one for number, one in enumerate(chosen)}}
    return _settled(whole)
