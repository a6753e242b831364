"""The `format` of a source, as it is written in a pipeline."""

from __future__ import annotations

import pytest

from stillwell.connectors._format import told_format
from stillwell.errors import ConnectorError
from stillwell.kernel.base import Format


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("json", Format("json")),
        ("parquet", Format("arrow")),
        ({"csv": {"delimiter": " ", "header": ["a"]}}, Format("csv", {"delimiter": " ", "header": ["a"]})),
        ({"csv": {"quote": ""}}, Format("csv", {"quote": ""})),
    ],
)
def test_it_is_a_name_or_a_name_with_options(told, expected):
    assert told_format(told) == expected


@pytest.mark.parametrize(
    ("told", "code", "fix"),
    [
        ("jsno", "unknown-format", "`json`"),
        ({}, "unknown-format", "csv"),
        ({"csv": {}, "json": {}}, "unknown-format", "csv"),
        ({"csv": {"delimeter": ";"}}, "unknown-option", "`delimiter`"),
        ({"json": {"quote": "'"}}, "unknown-option", "none"),
        ({"csv": {"delimiter": ""}}, "bad-option", "delimiter"),
        ({"csv": {"quote": "''"}}, "bad-option", "quote"),
    ],
)
def test_what_it_is_not_is_said_with_a_way_out(told, code, fix):
    with pytest.raises(ConnectorError) as caught:
        told_format(told)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert fix in problem.fix
