"""Runs the tests of this folder, the long ones too, and says how each ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Scenario:
    """One test: where it is, what it is called, and whether it `passed`, `failed` or was `skipped`."""

    file: str
    name: str
    outcome: str
    seconds: float


def run() -> list[Scenario]:
    """All of them; what pytest says goes to standard error."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "--verbose", f"--junit-xml={report}", str(HERE)],
            stdout=sys.stderr,
            cwd=HERE.parents[1],
            env={**os.environ, "STILLWELL_TORTURE": "1"},
        )
        cases = ET.parse(report).getroot().iter("testcase")
        return [_scenario(case) for case in cases]


def _scenario(case: ET.Element) -> Scenario:
    kinds = {part.tag for part in case}
    outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
    file = case.get("classname", "").rpartition(".")[2]
    return Scenario(file, case.get("name", ""), outcome, float(case.get("time", 0)))
