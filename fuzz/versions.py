"""Says what the kernel says of the corpus and of cases drawn at random, as lines that every version must give.

Without `--against` it prints them; with it, it compares with other environments, in other time zones and locales.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "fuzz" / "corpus"

sys.path.insert(0, str(ROOT))

from tests.fuzz import cases, streams  # noqa: E402

WORLDS = (
    {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C"},
    {"TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
)
"""Processes in other time zones and locales."""


def said(seed: str, drawn: int, records: int) -> Iterator[str]:
    """The lines of the corpus, then of this many drawn cases."""
    kept = (cases.from_json(path.stem, path.read_text()) for path in sorted(CORPUS.glob("*.json")))
    fresh = (cases.drawn(f"{seed}/{number}", records) for number in range(drawn))
    for case in (*kept, *fresh):
        for place, line in enumerate(streams.lines(cases.judged(case), case.table)):
            yield f"{case.name} {place} {line}"


def others(pythons: list[str], arguments: list[str]) -> list[tuple[str, Path, subprocess.Popen[bytes]]]:
    """Start the same in other environments and worlds; each writes to a file of its own."""
    found = []
    for python in pythons:
        for world in WORLDS:
            out = Path(tempfile.mkstemp(suffix=".lines")[1])
            environment = {**os.environ, **world, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
            with out.open("wb") as sink:
                run = subprocess.Popen([python, __file__, *arguments], stdout=sink, env=environment, cwd=ROOT)
            found.append((f"{python} TZ={world['TZ']} LC_ALL={world['LC_ALL']}", out, run))
            if len([one for *_, one in found if one.poll() is None]) > 1:
                run.wait()
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", default="versions")
    options.add_argument("--drawn", type=int, default=150, help="how many cases are drawn beside the corpus")
    options.add_argument("--records", type=int, default=200, help="how many records a drawn case has")
    options.add_argument("--against", nargs="+", help="other interpreters to compare with")
    given = options.parse_args()
    if not given.against:
        sys.stdout.writelines(line + "\n" for line in said(given.seed, given.drawn, given.records))
        return 0
    arguments = ["--seed", given.seed, "--drawn", str(given.drawn), "--records", str(given.records)]
    runs = others(given.against, arguments)
    here = list(said(given.seed, given.drawn, given.records))
    wrong = 0
    for name, out, run in runs:
        failed = run.wait()
        lines = out.read_text().splitlines()
        out.unlink()
        different = [pair for pair in zip_longest(here, lines) if pair[0] != pair[1]]
        wrong += bool(failed or different)
        print(
            f"versions: {name}: {len(lines):,} records, {len(different):,} differ"
            + (", and it failed" if failed else "")
        )
        for mine, theirs in different[:3]:
            print(f"  here  {mine}\n  there {theirs}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
