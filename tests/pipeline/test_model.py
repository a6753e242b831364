"""A pipeline knows where in its file each part and option stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.errors import Where
from stillwell.pipeline.load import parse

TEXT = """\
pipeline: a
contract: c.yml
source:
  generator:
    rows: 5
    faults: {null: 2%, late: 1%}
accepted: [memory, {files: {path: [x, y]}}]
quarantine: memory
epoch: {wait: 1s}
"""


@pytest.mark.parametrize(
    ("steps", "value", "key"),
    [
        ((), (4, 3), (4, 3)),
        (("rows",), (5, 11), (5, 5)),
        (("faults",), (6, 5), (6, 5)),
        (("faults", "late"), (6, 30), (6, 24)),
        (("faults", "none"), (6, 5), (6, 5)),
        (("none", "rows"), (5, 11), (5, 5)),
    ],
)
def test_options_stand_where_their_steps_lead(steps, value, key) -> None:
    source = parse(TEXT, file="p.yml").source
    assert source.where(steps) == Where("p.yml", *value)
    assert source.where(steps, key=True) == Where("p.yml", *key)


def test_an_item_of_a_list_has_its_own_place() -> None:
    files = parse(TEXT, file="p.yml").accepted[1]
    assert files.where(("path", 1)) == Where("p.yml", 7, 39)
    assert files.where(("path", 5)).line == 7


def test_a_path_that_is_not_there_stands_where_the_nearest_thing_does() -> None:
    pipeline = parse(TEXT, file="p.yml")
    assert pipeline.where("epoch.wait") == Where("p.yml", 9, 15)
    assert pipeline.where("epoch.records") == pipeline.where("epoch")
    assert pipeline.where("engine") == Where("p.yml")


def test_relative_paths_start_from_the_folder_of_the_file() -> None:
    assert parse(TEXT, file="some/where/p.yml").folder == Path("some/where").absolute()
    assert parse(TEXT).folder == Path.cwd()
