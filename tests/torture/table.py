"""The table of a torture, as Markdown."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.torture.kills import RANDOM, STEPS, Score
from tests.torture.scenarios import Scenario

_HEAD = """# Torture

Pipelines from Kafka are killed with `kill -9`, stopped, fenced, and have the ground taken from under them; this is what came
of it. Made by `python -m tests.torture --kills {kills} --seed {seed} --table docs/torture.md`, which `make torture` runs, at
commit `{commit}`.

A kill counts only when it met an epoch open: after a record of it was read, and before the last sink had committed it. An
independent reader, which shares no code with Stillwell, reads the topic from its first offset and both sinks whole, and
finds each record in one of them, once, as it was; `stillwell audit` must say the same.

| kills | records | lost | doubled | altered | audits | audits failed | other failures |
|--:|--:|--:|--:|--:|--:|--:|--:|
| {found} |

## Where it was killed

`read again` and `judged again` are in recovery, after another kill. At random: at any instant while it flows.

| step | kills |
|---|--:|
{steps}

| pipeline | kills |
|---|--:|
{kinds}
"""


def table(score: Score, scenarios: Sequence[Scenario], options: Any) -> str:
    """What came of the kills, and how each scenario ended."""
    found = [score.kills, score.records, score.lost, score.doubled, score.altered, score.audits, score.audits_failed]
    text = _HEAD.format(
        commit=commit(),
        kills=options.kills,
        seed=options.seed,
        found=" | ".join(f"{one:,}" for one in [*found, len(score.failures)]),
        steps="\n".join(f"| {step} | {score.kills_by_step[step]} |" for step in (*STEPS, RANDOM)),
        kinds="\n".join(f"| {kind} | {count} |" for kind, count in sorted(score.kills_by_kind.items())),
    )
    if scenarios:
        text += "\n## Scenarios\n\nEach ends with the same reader and the same audit.\n\n| scenario | |\n|---|---|\n"
        text += "".join(f"| {_title(one)} | {one.outcome} |\n" for one in scenarios)
    return text


def commit() -> str:
    """The commit that is checked out, with a `+` where files differ from it."""
    asked = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    return subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()


def _title(one: Scenario) -> str:
    name, _, case = one.name.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f": {case.rstrip(']')}" if case else "")
