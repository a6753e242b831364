"""Sequence rules judged record by record in plain Python: slow, obvious, and what the compiled pass is held to."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict

UNJUDGED, KEPT, BROKEN = range(3)
PARTS = 8


class Reference:
    """One partition; `rules` are dicts of the contract's keys, times whole microseconds, durations too."""

    def __init__(self, rules):
        self.rules = rules
        self.had = defaultdict(dict)  # (rule, key) -> what is remembered
        self.watermark = None

    def judge(self, record):
        """Verdict by rule of a record that passes all other rules, and whether it is accepted."""
        said, good = {}, True
        for rule in self.rules:
            said[rule["name"]] = verdict = self.verdict(rule, record)
            good &= verdict != BROKEN or rule["severity"] == "warn"
        for rule in self.rules:
            if (good or rule["every"]) and self.applies(rule, record):
                self.remember(rule, record)
        if good and record["t"] is not None:
            self.watermark = max(record["t"], self.watermark if self.watermark is not None else record["t"])
        return said, good

    def applies(self, rule, record):
        timeless = rule["kind"] in ("counter", "step", "transition", "spike")
        if record["t"] is None and not timeless:
            return False
        if rule["kind"] == "unique":
            return all(record[field] is not None for field in rule["fields"])
        if rule["kind"] != "late" and record["id"] is None:
            return False
        return "field" not in rule or record[rule["field"]] is not None

    def memory(self, rule, record):
        if rule["kind"] == "unique":
            return self.had[rule["name"], tuple(str(record[field]) for field in rule["fields"])]
        return self.had[rule["name"], record["id"]]

    def verdict(self, rule, record):
        if not self.applies(rule, record):
            return UNJUDGED
        time, value = record["t"], record[rule["field"]] if "field" in rule else None
        had = self.memory(rule, record)
        return getattr(self, rule["kind"])(rule, had, time, value)

    def jump(self, rule, had, time, value):
        if not had or abs(time - had["t"]) > rule["within"]:
            return UNJUDGED
        return BROKEN if abs(value - had["v"]) > rule["max"] else KEPT

    def change(self, rule, had, time, value):
        part, parts = math.floor(time / (rule["within"] // PARTS)), had.get("parts", {})
        newest = max(parts, default=None)
        if newest is None or part <= newest - PARTS or part >= newest + PARTS:
            return UNJUDGED
        seen = [
            one for at, values in parts.items() if part - PARTS < at <= part and at > newest - PARTS for one in values
        ]
        if not seen:
            return UNJUDGED
        return BROKEN if max([*seen, value]) - min([*seen, value]) > rule["max"] else KEPT

    def unchanged(self, rule, had, time, value):
        if not had:
            return UNJUDGED
        return BROKEN if value == had["v"] and time - had["since"] >= rule["for"] else KEPT

    def unique(self, rule, had, time, value):
        return BROKEN if had and abs(time - had["t"]) <= rule["within"] else KEPT

    def order(self, rule, had, time, value):
        if not had:
            return UNJUDGED
        return BROKEN if time < had["newest"] else KEPT

    def late(self, rule, had, time, value):
        if self.watermark is None:
            return UNJUDGED
        return BROKEN if self.watermark - time > rule["max"] else KEPT

    def count(self, rule, had, time, value):
        times = had.get("times", [])
        return BROKEN if len(times) >= rule["max"] and time - times[-rule["max"]] <= rule["within"] else KEPT

    def counter(self, rule, had, time, value):
        if not had:
            return UNJUDGED
        again = rule["reset"] and value < had["v"] / 2
        return BROKEN if value < had["v"] and not again else KEPT

    def step(self, rule, had, time, value):
        if not had:
            return UNJUDGED
        return BROKEN if value > had["v"] + rule["by"] else KEPT

    def gap(self, rule, had, time, value):
        if not had:
            return UNJUDGED
        return BROKEN if time - had["newest"] > rule["max"] else KEPT

    def transition(self, rule, had, time, value):
        states = {*rule["allowed"], *rule["start"], *(one for after in rule["allowed"].values() for one in after)}
        if value not in states:
            return BROKEN
        if not had:
            return KEPT if value in rule["start"] else BROKEN
        return KEPT if value == had["v"] or value in rule["allowed"].get(had["v"], ()) else BROKEN

    def spike(self, rule, had, time, value):
        values = had.get("values", [])
        if len(values) < rule["records"]:
            return UNJUDGED
        return BROKEN if abs(value - statistics.median(values[-rule["records"] :])) > rule["max"] else KEPT

    def session(self, rule, had, time, value):
        if not had or time - had["last"] > rule["inactivity"]:
            return KEPT
        return BROKEN if time - had["first"] > rule["longest"] or had["count"] >= rule["records"] else KEPT

    def remember(self, rule, record):
        time, value = record["t"], record[rule["field"]] if "field" in rule else None
        had, kind = self.memory(rule, record), rule["kind"]
        if kind in ("jump", "counter", "step", "unique"):
            had.update(t=time, v=value)
        elif kind == "change":
            parts = had.setdefault("parts", {})
            part = math.floor(time / (rule["within"] // PARTS))
            if not parts or part > max(parts) - PARTS:
                parts.setdefault(part, []).append(value)
        elif kind == "unchanged":
            if not had or (had["v"] != value and time >= had["since"]):
                had.update(v=value, since=time)
        elif kind in ("order", "gap"):
            had["newest"] = max(time, had.get("newest", time))
        elif kind == "count":
            had.setdefault("times", []).append(time)
        elif kind == "transition":
            states = {*rule["allowed"], *rule["start"], *(one for after in rule["allowed"].values() for one in after)}
            if value in states:
                had["v"] = value
        elif kind == "spike":
            had.setdefault("values", []).append(value)
        elif kind == "session":
            if not had or time - had["last"] > rule["inactivity"]:
                had.update(first=time, last=time, count=0)
            had["last"] = max(had["last"], time)
            had["count"] += 1
