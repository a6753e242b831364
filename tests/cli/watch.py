"""Writes what the commands of docs/windows.md print into that page, whose text stays as it is.

`python -m tests.cli.watch` does so; a test sees that the page is true.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.cli.second_chance import ROOT, printed

PAGE = ROOT / "docs" / "windows.md"

PIPELINE = """\
pipeline: silent
contract: contract.yml
source: {generator: {rows: 3000, sensors: 5, faults: {gap: 4%}}}
accepted: {jsonl: {path: a.jsonl}}
quarantine: {jsonl: {path: q.jsonl}}
metrics: {duckdb: {path: counts.duckdb, table: metrics}}
epoch: {records: 500}
"""
CONTRACT = """\
contract: readings
version: 1.0.0
key: sensor_id
time: timestamp
fields:
  sensor_id: {type: string, required: true}
  timestamp: {type: timestamp, required: true}
windows:
  sensor: {every: 10m, by: [sensor_id], rules: {silent: {measure: count, min: 1}}}
"""


def write(folder: Path) -> None:
    """The pipeline and its contract."""
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    (folder / "contract.yml").write_text(CONTRACT, encoding="utf-8")


def page() -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory(prefix="watch-") as place:
        write(Path(place) / "silent")
        lines: list[str] = []
        ours = False
        for line in PAGE.read_text(encoding="utf-8").splitlines():
            command = line.startswith("    $ ")
            # What follows a command up to the next text is what it printed before.
            ours = command or (ours and (not line or line.startswith("    ")))
            if command:
                lines += [line, *printed(line.removeprefix("    $ "), Path(place))]
            elif not ours:
                lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
