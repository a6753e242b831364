"""Writes a suggestion as a contract to be read and edited: above each line what speaks for it, and how sure that is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stillwell.contract.write import quoted
from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.column import Column, Sample, shown
from stillwell.suggest.identity import Identity
from stillwell.suggest.model import Evidence
from stillwell.suggest.names import free
from stillwell.suggest.yaml import inline, scalar

WIDTH = 118


@dataclass(frozen=True)
class Drafted:
    """A column with the reading and the clauses that were chosen for it."""

    column: Column
    reading: Reading
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Draft:
    """All that goes into a contract; `taught` when a person's marks went into it."""

    name: str
    fields: tuple[Drafted, ...]
    roles: Identity
    sample: Sample
    taught: bool


def written(draft: Draft) -> tuple[str, tuple[Evidence, ...]]:
    """The text of the contract, and the evidence of each rule in the order of the text."""
    evidence: list[Evidence] = []
    lines = [*_head(draft, evidence), "", "fields:"]
    for one in draft.fields:
        lines += _field(one, evidence)
    rules = list(_rules(draft, evidence))
    lines += ["", "rules:", *rules] if rules else []
    return "\n".join(lines) + "\n", tuple(evidence)


def _head(draft: Draft, evidence: list[Evidence]) -> Iterator[str]:
    rows = draft.sample.told + (" and what was marked in them" if draft.taught else "")
    yield from _comment(
        f"Suggested from {rows}. A comment says what in the data speaks for the lines below it, and how sure that is,"
        " from 0 to 1. Read it, correct it, delete what is not meant.",
        "",
    )
    yield f"contract: {scalar(draft.name)}"
    yield "version: 1.0.0"
    yield "status: draft"
    if draft.roles.says:
        yield from _noted(Evidence("identity", draft.roles.says, 0.9), evidence, "")
        yield f"identity: {inline(draft.roles.identity)}"
    if draft.roles.key:
        yield f"key: {inline(draft.roles.key)}"
    if draft.roles.time:
        yield f"time: {scalar(draft.roles.time)}"
    if any("" in one.column.tokens for one in draft.fields):
        yield "missing: ['']"


def _field(one: Drafted, evidence: list[Evidence]) -> Iterator[str]:
    column, reading = one.column, one.reading
    yield f"  {scalar(column.field)}:"
    if column.path != column.field:
        yield f"    from: {scalar(column.path)}"
    yield from _noted(Evidence(f"{column.field}.type", reading.says, reading.confidence), evidence)
    yield from _keys({"type": reading.type, **reading.keys})
    absent = {token: f"{count:,} rows say {shown(token)}" for token, count in column.tokens.items() if token.strip()}
    if absent:
        says = "; ".join(absent.values()) + "."
        yield from _noted(Evidence(f"{column.field}.missing", says, 0.9), evidence)
        yield f"    missing: {inline(absent)}"
    for clause in one.clauses:
        if clause.slot != "rule":
            yield from _noted(Evidence(clause.rule, clause.says, clause.confidence), evidence)
            yield from _keys(clause.keys)


def _rules(draft: Draft, evidence: list[Evidence]) -> Iterator[str]:
    """The record rules, the shortest first: long lists of cases stand at the end."""
    taken = {"other_fields"}
    rules = [one for field in draft.fields for one in field.clauses if one.slot == "rule"]
    for rule in sorted(rules, key=lambda rule: rule.keys["expect"].count("\n")):
        name = free(rule.rule, taken)
        yield from _noted(Evidence(name, rule.says, rule.confidence), evidence, "  ")
        yield f"  {name}:"
        yield from _keys(rule.keys)


def _keys(keys: Mapping[str, str]) -> Iterator[str]:
    for key, value in keys.items():
        if key == "expect":
            yield from _expression(value)
        else:
            yield from f"    {key}: {value}".split("\n")


def _expression(value: str) -> Iterator[str]:
    lines = value.split("\n")
    if not all(line.isprintable() for line in lines):
        yield f"    expect: {quoted(value)}"
    elif len(lines) == 1:
        yield f"    expect: {scalar(value)}"
    else:
        yield "    expect: |-"
        yield from (f"      {line}" for line in lines)


def _noted(one: Evidence, evidence: list[Evidence], indent: str = "    ") -> Iterator[str]:
    """The comment for a piece of evidence, which is kept as well."""
    evidence.append(one)
    what = one.rule.rpartition(".")[2] if "." in one.rule else ""
    yield from _comment(f"{what} {one.confidence:.2f}: {one.says}".strip(), indent)


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
