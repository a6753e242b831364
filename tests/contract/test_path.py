"""A path names steps into the payload, or a part of the envelope."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.model import Path
from stillwell.contract.path import path
from stillwell.contract.scalars import Unreadable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Path(("a",))),
        ("data.geo[0]", Path(("data", "geo", 0))),
        ("a[1][2].b", Path(("a", 1, 2, "b"))),
        (r"PM2\.5", Path(("PM2.5",))),
        (r"\$ref", Path(("$ref",))),
        (r"a\[0\]", Path(("a[0]",))),
        ("Temp (°C)", Path(("Temp (°C)",))),
        ("$key", Path(envelope="key")),
        ("$ingest_time", Path(envelope="ingest_time")),
        ("$header.site.id", Path(envelope="header.site.id")),
        ("$before.amount", Path(envelope="before.amount")),
    ],
)
def test_paths(text: str, expected: Path) -> None:
    assert path(text) == expected


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a]", "a[0]b", "a.[0]", "$", "$header", "$ofset"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        path(text)


def test_an_unknown_part_of_the_envelope_gets_the_nearest_name() -> None:
    with pytest.raises(Unreadable) as caught:
        path("$ofset")
    assert "`$offset`" in caught.value.fix


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_any_names_can_be_written_with_backslashes(names: list[str]) -> None:
    written = ".".join("".join("\\" + char if char in "\\.[]$" else char for char in name) for name in names)
    assert path(written).steps == tuple(names)
