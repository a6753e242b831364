"""A whole run over real data: from its files as they are into two tables, and the audit of it."""

from __future__ import annotations

import json
from pathlib import Path

from stillwell.delivery.audit import Audited
from stillwell.engines.base import Summary
from stillwell.pipeline.audit import audit
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
from tests.real.datasets import DATASETS


def moved(name: str, path: Path, sink: str, folder: Path) -> tuple[Summary, Audited]:
    """What a run by the contract of a data set says in the end, and what its audit proves; tables lie in `folder`."""
    dataset = DATASETS[name]
    source = {"path": str(path), **({"format": dataset.format} if dataset.format else {})}
    settings = {
        "pipeline": name.replace("_", "-"),
        "contract": str(dataset.contract),
        "source": {"files": source},
        "accepted": {sink: {"path": "accepted"}},
        "quarantine": {sink: {"path": "quarantine"}},
        "epoch": {"records": 50_000},
    }
    # YAML reads JSON.
    file = folder / "pipeline.yml"
    file.write_text(json.dumps(settings))
    summary = run(plan(load(file)))
    return summary, audit(plan(load(file)))
