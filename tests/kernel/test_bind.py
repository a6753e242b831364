"""Expressions that DuckDB cannot compute are refused with their place, before any record is read."""

from __future__ import annotations

import pytest

from stillwell.errors import ContractError
from stillwell.kernel import Kernel
from tests.kernel.records import contract


def problems(rest):
    with pytest.raises(ContractError) as caught:
        Kernel(contract(rest))
    return [(one.code, one.where.line, one.path) for one in caught.value.problems]


def test_each_expression_that_does_not_fit_its_types_is_named_with_its_line():
    assert problems(
        """
fields:
  a: {type: integer}
  s: {type: string}
  v: {type: integer, value: 'abs(s)'}
rules:
  fits: {expect: 'a > 5'}
  bad:  {expect: 's > 5'}
  also: {expect: 'a > 5', where: 'length(a) = 1'}
"""
    ) == [
        ("bad-expression", 7, "fields.v.value"),
        ("bad-expression", 10, "rules.bad.expect"),
        ("bad-expression", 11, "rules.also.where"),
    ]


def test_expressions_over_every_type_and_now_are_taken():
    Kernel(
        contract(
            """
fields:
  n: {type: decimal, precision: 9, scale: 2}
  t: {type: timestamp}
  d: {type: date}
  c: {type: time}
  o: {type: object, fields: {x: {type: integer}}}
  l: {type: array, items: {type: object, fields: {y: {type: string}}}}
  j: {type: json}
rules:
  r: {expect: "n > 1.5 and t < now and d < '2030-01-01' and c > '08:00' and o.x = 1 and len(l) > 0 and l[1].y = 'a' and json_valid(j)"}
"""
        )
    )
