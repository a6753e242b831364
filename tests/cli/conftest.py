"""What the tests of the verbs share: a folder with a contract, a way to run a verb, and the committed schemas."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer.testing import CliRunner, Result

from stillwell.cli._app import app
from stillwell.engines.base import Progress
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run

ROOT = Path(__file__).parents[2]

CONTRACT = """\
contract: readings
version: 1.2.0
time: at
fields:
  id: {type: string, required: true, pattern: 's[0-9]'}
  at: {type: timestamp, required: true, max: now + 1m}
  t:  {type: double, required: true, min: -40, max: 85, warn: {max: 70}}
  h:  {type: double, min: 0, max: 100, repair: {range: clamp}}
  pin: {type: string, max_length: 4, sensitive: mask}
"""

GOOD = {"id": "s1", "at": "2026-01-01T00:00:00Z", "t": 20.5, "h": 50, "pin": "1234"}


def lines(*records: dict[str, Any]) -> str:
    """Records as JSON lines; each is a good one with what is said in its place."""
    return "".join(json.dumps(GOOD | record) + "\n" for record in records)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a contract.yml, where the verb runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contract.yml").write_text(CONTRACT)
    return tmp_path


@pytest.fixture
def stillwell() -> Callable[..., Result]:
    """Runs `stillwell` with these arguments in this process."""

    def run(*arguments: object, **options: Any) -> Result:
        return CliRunner().invoke(app, [str(one) for one in arguments], **options)

    return run


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `stillwell` with these arguments in a process of its own."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from stillwell.cli import main; main()", *map(str, arguments)]
        return subprocess.run(command, **{"capture_output": True, "text": True, "timeout": 60, **options})

    return run


@pytest.fixture(scope="session")
def said() -> Callable[[str, str], dict[str, Any]]:
    """The object `stillwell.NAME/1` on the last line of an output, checked against the committed schema."""
    schemas = {path.name: json.loads(path.read_text()) for path in (ROOT / "schemas").glob("*.schema.json")}
    registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())

    def last(output: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = [json.loads(line) for line in output.splitlines()][-1]
        Draft202012Validator(schemas[f"{name}.schema.json"], registry=registry).validate(found)
        return found

    return last


@pytest.fixture
def stream(here: Path) -> Callable[..., Path]:
    """Writes a pipeline.yml that sends generated records to JSON lines; other lines by key: `stream(source='stdin')`."""
    (here / "contract.yml").write_text((ROOT / "examples" / "sensors" / "contract.yml").read_text())

    def write(**changed: str) -> Path:
        usual = {
            "pipeline": "sensors",
            "contract": "contract.yml",
            "source": "{generator: {rows: 3000}}",
            "accepted": "{jsonl: {path: accepted.jsonl}}",
            "quarantine": "{jsonl: {path: quarantine.jsonl}}",
            "epoch": "{records: 1000}",
        }
        (here / "pipeline.yml").write_text("".join(f"{key}: {value}\n" for key, value in (usual | changed).items()))
        return here

    return write


@pytest.fixture
def epochs(stream: Callable[..., Path]) -> Callable[..., list[Progress]]:
    """Runs the pipeline of `stream` with its contract edited, the tally by sensor, and gives its epochs."""

    def run_all(*edits: tuple[str, str], **changed: str) -> list[Progress]:
        here = stream(**changed)
        text = (here / "contract.yml").read_text()
        for before, after in edits:
            assert before in text
            text = text.replace(before, after)
        (here / "contract.yml").write_text(text)
        seen: list[Progress] = []
        made = plan(load(here / "pipeline.yml"))
        run(dataclasses.replace(made, job=dataclasses.replace(made.job, group=("sensor_id",))), seen.append)
        return seen

    return run_all
