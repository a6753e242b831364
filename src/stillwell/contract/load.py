"""Reads a contract: YAML text to a frozen `Contract`, or every problem of the file at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stillwell.contract.expression import Scope
from stillwell.contract.fields import Templates, read_field, read_fields, read_value
from stillwell.contract.grammar import NAME, SEMVER
from stillwell.contract.include import included
from stillwell.contract.lint import lint
from stillwell.contract.model import Contract, Field, Lookup
from stillwell.contract.read import Broken, Map, Node, Problems, read, read_text
from stillwell.contract.record_rules import read_rules
from stillwell.contract.scalars import Unreadable
from stillwell.contract.sequence import read_sequence
from stillwell.contract.shapes import (
    TEXT,
    Data,
    Defined,
    Key,
    ListOf,
    MapOf,
    Reading,
    Scalar,
    Thing,
    choice,
    matching,
)
from stillwell.contract.windows import read_table, read_windows
from stillwell.contract.write import write
from stillwell.errors import ContractError

GRAMMAR = 1


def _grammar(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise Unreadable(f"`{text}` is not a version of the grammar.", f"Write `{GRAMMAR}`, or leave it out.")
    if int(text) > GRAMMAR:
        raise Unreadable(
            f"This contract is written in grammar {text}; this Stillwell reads up to {GRAMMAR}.",
            "Install a newer Stillwell.",
            "not-supported",
        )
    return int(text)


LOOKUP = Thing(
    "a lookup",
    (
        Key("key", ListOf(TEXT, lone=True), "The columns that are its key.", required=True),
        Key("fields", Defined("fields"), "Its columns with their types.", required=True),
    ),
)

CONTRACT = Thing(
    "a contract",
    (
        Key("contract", matching("a name like `sensor-readings`", "[a-z0-9-]+"), "Its name.", required=True),
        Key("version", SEMVER, "Its version, of three parts: 1.0.0.", required=True),
        Key("stillwell", Scalar("a number", _grammar, {"const": GRAMMAR}), "The version of this grammar."),
        Key("status", choice("draft", "active", "deprecated", "retired"), "How far it is in its life; active."),
        Key("owner", TEXT, "Who is told."),
        Key("description", TEXT, "What it is for."),
        Key("time", TEXT, "The field with the event time; without one, ingest time."),
        Key("key", ListOf(TEXT, lone=True), "Whose history: one field or several."),
        Key("identity", ListOf(TEXT), "The fields that make a record one record."),
        Key("missing", ListOf(TEXT), "Raw values that mean null, in every field."),
        Key("parsing", choice("lenient", "strict"), "Whether values may be written as other kinds; lenient."),
        Key("other_fields", choice("ignore", "keep", "warn", "reject"), "What to do with fields nobody declared."),
        Key("types", MapOf(Defined("field"), NAME), "Named templates of fields; a field's own keys win."),
        Key("include", ListOf(TEXT), "Other local files whose `types` and `lookups` are taken."),
        Key("lookups", MapOf(LOOKUP, NAME), "Small tables to compare with; the pipeline says where they are."),
        Key("fields", Defined("fields"), "The fields; their order is the order of columns.", required=True),
        Key("rules", Defined("rules"), "What must hold of one record."),
        Key("sequence", Defined("sequence"), "What must hold over a key's history."),
        Key("windows", Defined("windows"), "What must hold of windows of event time."),
        Key("table", Defined("table"), "What must hold of all records of a table or of files, when they are checked."),
        Key("odcs", Data(), "What the Open Data Contract Standard says and Stillwell does not interpret."),
    ),
)


def load(path: str | Path) -> Contract:
    """The contract in a file.

    Raises:
        ContractError: with all problems of the file, each with line and column; code `unreadable` for no file.
    """
    return parse(read_text(Path(path), ContractError), file=str(path))


def parse(text: str, *, file: str = "") -> Contract:
    """The contract in a text; `file` names it in errors, and its folder is where `include` starts from.

    Raises:
        ContractError: with all problems of the text, each with line and column.
    """
    reading = Reading()
    node = read(text, file, reading.problems)
    if isinstance(node, Broken):
        reading.problems.stop(ContractError)
    if isinstance(node, Map) and "include" in node.entries:
        node = included(node, file, reading)
        text = write(node)
    values = CONTRACT.read(node, "", reading) or {}
    contract = replace(_contract(values, reading), text=text, file=file, places=reading.places)
    _check(contract, reading.problems)
    reading.problems.stop(ContractError)
    return contract


def _contract(values: Mapping[str, Any], reading: Reading) -> Contract:
    parsing = values.get("parsing", "lenient")
    templates = Templates(values.get("types", {}), values.get("missing", ()), strict=parsing == "strict")
    for name in templates.types:
        read_field(name, templates.types[name], f"types.{name}", templates, reading)
    lookups = tuple(_lookup(name, one, templates, reading) for name, one in values.get("lookups", {}).items())
    fields, scope = _fields(values.get("fields"), lookups, templates, reading)
    by_name = {one.name: one for one in fields}
    return Contract(
        name=values.get("contract", ""),
        version=values.get("version", ""),
        fields=fields,
        status=values.get("status", "active"),
        owner=values.get("owner"),
        description=values.get("description"),
        time=values.get("time"),
        key=values.get("key", ()),
        identity=values.get("identity", ()),
        missing=templates.missing,
        parsing=parsing,
        other_fields=values.get("other_fields", "ignore"),
        rules=read_rules(values["rules"], "rules", scope, reading) if "rules" in values else (),
        sequence=read_sequence(values["sequence"], "sequence", by_name, scope, reading) if "sequence" in values else (),
        windows=read_windows(values["windows"], "windows", scope, reading) if "windows" in values else (),
        table=read_table(values["table"], "table", scope, reading) if "table" in values else (),
        lookups=lookups,
        odcs=values.get("odcs", {}),
    )


def _fields(
    node: Node | None, lookups: tuple[Lookup, ...], templates: Templates, reading: Reading
) -> tuple[tuple[Field, ...], Scope]:
    """The fields, and what expressions may name; computed fields see only those that are read."""
    if node is None:
        return (), Scope()
    fields = read_fields(node, "fields", templates, reading)
    lines = {one.name: one.line for one in fields}
    located = [one for one in fields if one.paths]
    nodes = node.entries if isinstance(node, Map) else {}
    read_only = Scope(located, lookups, lines)
    fields = tuple(
        one if one.paths else read_value(one, nodes[one.name], f"fields.{one.name}", read_only, templates, reading)
        for one in fields
    )
    return fields, Scope(fields, lookups, lines)


def _lookup(name: str, values: Mapping[str, Any], templates: Templates, reading: Reading) -> Lookup:
    path = f"lookups.{name}"
    fields = read_fields(values["fields"], f"{path}.fields", templates, reading) if "fields" in values else ()
    return Lookup(name, values.get("key", ()), fields, reading.places[path].line)


def _check(contract: Contract, problems: Problems) -> None:
    """Add what lint finds, except about things that could not even be read."""
    unread = {_thing(problem.path) for problem in problems}
    for problem in lint(contract).errors:
        if _thing(problem.path) not in unread:
            problems.add(problem.code, problem.what, problem.fix, problem.where, problem.path)


def _thing(path: str) -> str:
    """The field or rule that a path lies in: its first two parts."""
    return ".".join(path.partition(",")[0].split(".")[:2])
