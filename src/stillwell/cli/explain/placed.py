"""What of a pipeline runs where: its steps on one engine, the state that each keeps, and what that engine cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stillwell.cli.base import shown
from stillwell.engines._features import FEATURES
from stillwell.pipeline.plan import Plan


def plain(made: Plan) -> dict[str, Any]:
    """As plain data."""
    return {
        "engine": made.pipeline.engine.name,
        "steps": [{"what": one.what, "where": one.where, "state": one.state} for one in made.engine.steps(made.job)],
        "cannot": [
            {"feature": FEATURES[name].what, "why": one.why, "fix": one.fix} for name, one in made.engine.cannot.items()
        ],
    }


def lines(made: Plan) -> Iterator[str]:
    """The same as people read it."""
    contract = made.job.contract
    yield f"{shown(made.pipeline.file)} · {contract.name} {contract.version} · engine {made.pipeline.engine.name}"
    steps = made.engine.steps(made.job)
    width = max(len(one.what) for one in steps)
    for one in steps:
        yield f"  {one.what:<{width}}  {shown(one.where)}"
        if one.state:
            yield f"  {'':<{width}}  keeps {shown(one.state)}"
    if made.engine.cannot:
        yield "what this engine cannot do, none of which this pipeline asks for"
    for name, cannot in made.engine.cannot.items():
        yield f"  {FEATURES[name].what}"
        yield f"    {cannot.why} {cannot.fix}"
