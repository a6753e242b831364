"""The walk-through on real data says what really happens."""

from __future__ import annotations

import re

import pytest

from tests.cli.walk import PAGE, VARIABLE, data, page, timeless


def test_the_page_is_what_the_commands_print_and_what_they_find_is_right():
    folder = data()
    if folder is None:
        pytest.skip(f"the real data is not here: {VARIABLE} names no folder with it")
    made = page(folder)
    scores = re.findall(r"^\| (as suggested|with labels) .*\| ([0-9.]+) \|$", made, re.MULTILINE)
    (_, hospital), (_, beers), (_, taught) = scores
    assert float(hospital) >= 0.75
    assert float(taught) >= 0.9 > float(beers)
    assert timeless(PAGE.read_text(encoding="utf-8")) == timeless(made), "run `make docs`"
