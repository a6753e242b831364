"""Tortures pipelines: every scenario, then so many kills; ends with one JSON object, and can write its table."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from stillwell import lab
from tests.torture.kills import Torture, told
from tests.torture.scenarios import Scenario, run
from tests.torture.table import table


def main() -> int:
    """0 when nothing was lost or doubled and everything else held, 1 otherwise."""
    asked = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    asked.add_argument("--kills", type=int, default=25, help="how many kills must meet an open epoch")
    asked.add_argument("--seed", type=int, default=11, help="another seed, other instants and records")
    asked.add_argument("--no-scenarios", action="store_true", help="kill only")
    asked.add_argument("--table", type=Path, help="write what came of it, as Markdown")
    options = asked.parse_args()
    began = time.monotonic()
    scenarios: list[Scenario] = [] if options.no_scenarios else run()
    folder = Path(tempfile.mkdtemp(prefix="stillwell-torture-"))
    with lab.up("kafka", folder=folder / "broker") as kafka:
        score = Torture(kafka, folder, options.seed).run(options.kills)
    failed = [one.name for one in scenarios if one.outcome == "failed"]
    if score.holds and not failed:
        shutil.rmtree(folder)
    else:
        print(f"what is left of it: {folder}", file=sys.stderr)
    found = told(
        score,
        scenarios={
            "passed": sum(one.outcome == "passed" for one in scenarios),
            "skipped": sum(one.outcome == "skipped" for one in scenarios),
            "failed": failed,
        },
        seed=options.seed,
        seconds=round(time.monotonic() - began),
    )
    if options.table:
        options.table.write_text(table(score, scenarios, options))
    print(json.dumps(found))
    return 0 if score.holds and score.kills >= options.kills and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
