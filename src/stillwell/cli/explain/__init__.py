"""Says what a contract asks of a record and how it is judged, or why a record was judged as it was."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._contract import chosen, title
from stillwell.cli._data import DataFormat, Reading
from stillwell.cli._pipeline import Engine, planned
from stillwell.cli._values import instant
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.cli.explain import asked, compiled, placed, told
from stillwell.contract.rules import rule_list
from stillwell.errors import ContractError, did_you_mean, fail

PLACE = ("contract", 1)
EXAMPLES = (
    "stillwell explain                               # what contract.yml here asks",
    "stillwell explain contract.yml --rule temperature.range",
    "stillwell explain contract.yml --record record.json",
    "tail -n 1 day.jsonl | stillwell explain --record -",
    "stillwell explain pipeline.yml --engine spark   # what runs where, and what cannot be",
)


def explain(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The contract; contract.yml here. With --engine, the pipeline."),
    ] = None,
    record: Annotated[
        str | None, typer.Option(metavar="FILE", help="Why these records are judged so; - is stdin.")
    ] = None,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="This rule only.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Add the SQL that the contract compiles to.")] = False,
    format: Annotated[DataFormat | None, typer.Option(help="Of the records, where the name does not tell it.")] = None,
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="What `now` in the contract means; now.")] = None,
    engine: Engine = None,
    json: Json = False,
) -> Outcome:
    """Say what a contract asks of a record and how it is judged, or why a record was judged as it was.

    With --engine: what of a pipeline runs where on that engine, what state it keeps, and what cannot be.
    Exit code 0: it was explained (whatever the verdict), 3: it could not be.
    """
    if engine is not None:
        return _placed(file, engine, Output(json=json))
    contract = chosen(file)
    names = [one.name for one in rule_list(contract)]
    if rule is not None and rule not in names:
        raise fail(
            ContractError, "unknown-rule", f"There is no rule `{rule}`.", did_you_mean(rule, names), path="--rule"
        )
    output = Output(json=json)
    answer: dict[str, object] = {
        "contract": {"file": contract.file, "name": contract.name, "version": contract.version}
    }
    if record is None:
        found = asked.asked(contract, rule)
        output.say(output.paint(shown(title(contract)), "bold"))
        for line in asked.lines(contract, found, rule):
            output.say(line)
        way = compiled.way(contract)
        if rule is None:
            for line in (*compiled.lines(way), *compiled.told(contract)):
                output.say(line)
        answer |= {"fields": asked.plain_fields(contract), "rules": [one.plain() for one in found], **way.plain()}
        answer |= {"history": compiled.plain_costs(contract)}
    else:
        clock = instant(as_of, "--as-of") if as_of else dt.datetime.now(dt.UTC)
        with tempfile.TemporaryDirectory(prefix="stillwell-") as state:
            records = list(told.judged(contract, record, Reading(format), clock, Path(state)))
        for line in told.lines(contract, records, rule, output):
            output.say(line)
        answer |= {"records": [one.plain(contract, rule) for one in records]}
    if sql:
        queries = compiled.queries(contract)
        answer |= {"sql": queries}
        for name, text in queries.items():
            output.say(f"\n-- {name}\n{text};")
    output.emit("explain", answer)
    return Outcome.YES


def _placed(file: Path | None, engine: str, output: Output) -> Outcome:
    made = planned(file, (), output, engine)
    for line in placed.lines(made):
        output.say(line)
    contract = made.job.contract
    told = {"file": contract.file, "name": contract.name, "version": contract.version}
    output.emit("explain", {"contract": told, **placed.plain(made)})
    return Outcome.YES
