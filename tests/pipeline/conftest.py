"""What the tests of the pipeline room share: a folder with a contract, and pipelines in few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stillwell.errors import StillwellError
from stillwell.pipeline.load import load
from stillwell.pipeline.model import Pipeline

CONTRACT = """\
contract: readings
version: 1.0.0
fields:
  sensor: {type: string, required: true}
  value:  {type: double, required: true, min: 0, max: 100}
"""
PIPELINE = """\
pipeline: readings
contract: contract.yml
source:     {files: {path: in.jsonl}}
accepted:   {jsonl: {path: out/accepted.jsonl}}
quarantine: {jsonl: {path: out/quarantine.jsonl}}
"""

Found = list[tuple[str, int, int, str]]


def problems_of(error: StillwellError) -> Found:
    """Code, line, column and path of each problem."""
    return [(one.code, one.where.line, one.where.column, one.path) for one in error.problems]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with `contract.yml`, `pipeline.yml` and three records in `in.jsonl`, of which one is bad."""
    (tmp_path / "contract.yml").write_text(CONTRACT)
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    rows = [{"sensor": "a", "value": 1}, {"sensor": "b", "value": 1000}, {"sensor": "c", "value": 3}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def pipeline(folder) -> Callable[..., Pipeline]:
    """Reads the pipeline of the folder, with lines exchanged by key: `pipeline(source='stdin')`."""

    def read(*settings: str, **lines: str) -> Pipeline:
        kept = [line for line in PIPELINE.splitlines() if line.partition(":")[0] not in lines]
        text = "\n".join([*kept, *(f"{key}: {value}" for key, value in lines.items())]) + "\n"
        (folder / "pipeline.yml").write_text(text)
        return load(folder / "pipeline.yml", settings)

    return read


@pytest.fixture
def tree(folder) -> Callable[[], set[str]]:
    """Every file and folder that there is now."""
    return lambda: {str(path.relative_to(folder)) for path in folder.rglob("*")}
