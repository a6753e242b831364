"""An expression in a contract is reported at its text, with the character of each fault."""

from __future__ import annotations

from stillwell.contract.expression import Scope
from stillwell.contract.grammar import expression
from stillwell.contract.model import Field
from stillwell.contract.read import Text
from stillwell.contract.shapes import Reading
from stillwell.errors import Where

SCOPE = Scope((Field("a", "double"),))


def test_each_fault_is_a_problem() -> None:
    reading = Reading()
    assert expression(Text("b > 1 or c > 2", Where("f", 3, 9)), "rules.r.expect", SCOPE, reading) is None
    assert [(one.code, one.path, one.where) for one in reading.problems] == [
        ("unknown-field", "rules.r.expect, character 1", Where("f", 3, 9)),
        ("unknown-field", "rules.r.expect, character 10", Where("f", 3, 9)),
    ]


def test_a_good_one_is_read_and_none_is_none() -> None:
    reading = Reading()
    found = expression(Text("A > 1", Where()), "p", SCOPE, reading)
    assert found is not None
    assert found.sql == '"a" > 1'
    assert expression(None, "p", SCOPE, reading) is None
    assert len(reading.problems) == 0
