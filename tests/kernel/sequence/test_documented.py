"""Every example on the page about history is judged as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from stillwell.kernel import Kernel
from stillwell.kernel.sequence.rules import KINDS, OF
from tests.kernel.records import CLOCK, batch, contract

PAGE = Path(__file__).parents[3] / "docs" / "history.md"
HEAD = "key: id\ntime: at\nfields: {id: {type: string}, at: {type: timestamp}, value: {type: double}, state: {type: string}}\n"


class Row(NamedTuple):
    at: str
    value: str
    told: str


def sections(text):
    """Kind, rule and rows of each example."""
    for part in text.split("\n### ")[1:]:
        [rule] = re.findall(r"```yaml\n(.*)\n```", part)
        rows = [
            Row(*(cell.strip() for cell in cells))
            for cells in re.findall(r"^\| (\d\d:\d\d) \| (.*?) \|(.*)\|$", part, re.MULTILINE)
        ]
        yield part.split("\n", 1)[0], rule, rows


def judged(rule, rows):
    """Of each row its mark and what its reason expected."""
    field = "state" if "field: state" in rule else "value"
    records = [
        {"id": "a", "at": f"2024-01-01T{row.at}:00Z", field: row.value if field == "state" else float(row.value)}
        for row in rows
    ]
    found = Kernel(contract(HEAD + f"sequence: {{r: {rule}}}")).judge(
        batch([json.dumps(one).encode() for one in records]), CLOCK
    )
    told = {row["_stillwell"]["offset"]: ("✗", row["reasons"]) for row in found.quarantined.to_pylist()}
    told |= {
        row["_stillwell"]["offset"]: ("!", row["_stillwell"]["warnings"] or []) for row in found.accepted.to_pylist()
    }
    return [(mark, reasons[0]["expected"]) if reasons else ("", "") for _, (mark, reasons) in sorted(told.items())]


EXAMPLES = [pytest.param(rule, rows, id=kind) for kind, rule, rows in sections(PAGE.read_text())]


@pytest.mark.parametrize(("rule", "rows"), EXAMPLES)
def test_an_example_is_judged_as_the_page_says(rule, rows):
    assert [" ".join(one).strip() for one in judged(rule, rows)] == [row.told for row in rows]
    assert any(row.told for row in rows)


def test_every_kind_has_its_example():
    assert sorted(kind for kind, _, _ in sections(PAGE.read_text())) == sorted(KINDS) == sorted(OF)


def test_what_a_key_costs_is_in_the_table():
    text = PAGE.read_text()
    for kind in set(KINDS) - {"spike", "count", "late", "unique"}:
        [size] = re.findall(rf"^\|.*`{kind}`.* \| (\d+) \|$", text, re.MULTILINE)
        assert int(size) == 8 * OF[kind].words(None)
