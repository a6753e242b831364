"""Judges batches by contracts, both drawn at random, and compares every record with what the reference says.

Each case comes from one number, `SEED/NUMBER`: what is printed here can be drawn again with `--only`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOUND = ROOT / "fuzz" / "found"

sys.path.insert(0, str(ROOT))

from tests.fuzz import cases, smaller, streams  # noqa: E402


@dataclass
class Result:
    """What came of some cases: counts, and what was found as text."""

    cases: int = 0
    records: int = 0
    again: int = 0
    found: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.cases += other.cases
        self.records += other.records
        self.again += other.again
        self.found += other.found


def one(name: str, records: int) -> Result:
    """Draw the case of this name, judge it, compare."""
    result = Result(1, records)
    case = cases.drawn(name, records)
    draw = random.Random(f"{name}/stream")
    try:
        said = cases.judged(case)
        result.found += [f"{name}: {problem}" for problem in cases.problems(case, said)]
        _compare(case, said, result)
        result.found += streams.unequal(case, said, draw)
        result.again += records
        if draw.random() < 0.02:
            result.again += 2 * streams.ENOUGH_FOR_THREADS
            result.found += [] if streams.threaded(case) else [f"{name}: two threads say something else"]
    except Exception as error:  # noqa: BLE001
        result.found.append(f"{name}: {type(error).__name__}: {error}\n{cases.contracts.text(case.spec)}")
    return result


def _compare(case: cases.Case, said: cases.Judged, result: Result) -> None:
    """Make the first difference as small as can be."""
    found = cases.differences(case, said)
    if found:
        small = smaller.smaller(case, found[0].place, _differs)
        shown = cases.differences(small, cases.judged(small))
        lines = [
            f"{case.name}: {len(found)} of {len(case.table)} differ; smallest ({_keep(small)}):",
            cases.contracts.text(small.spec),
        ]
        lines.append(f"{small.form}")
        result.found.append("\n".join([*lines, *map(str, shown[:1])]))


def _differs(case: cases.Case) -> bool:
    return bool(cases.differences(case, cases.judged(case)))


def _keep(case: cases.Case) -> str:
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{case.name.replace('/', '-')}.json"
    path.write_text(cases.to_json(case))
    return str(path.relative_to(ROOT))


def several(names: list[str], records: int) -> Result:
    """Some cases, one after the other."""
    result = Result()
    for name in names:
        result.add(one(name, records))
    return result


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000, help="how many records are judged at least")
    options.add_argument("--records", type=int, default=800, help="how many records a case has")
    options.add_argument("--seed", default="1")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--only", help="one case, for example 1/17")
    given = options.parse_args()
    count = 1 if given.only else -(-given.inputs // given.records)
    names = [given.only] if given.only else [f"{given.seed}/{number}" for number in range(count)]
    portions = [names[at : at + 20] for at in range(0, len(names), 20)]
    result, began = Result(), time.monotonic()
    with ProcessPoolExecutor(given.processes) as pool:
        for portion in pool.map(several, portions, [given.records] * len(portions)):
            result.add(portion)
            for found in portion.found:
                print(found, flush=True)
            if result.cases % 200 == 0:
                print(f"{result.records:,} records …", file=sys.stderr, flush=True)
    said = f"records: seed {given.seed}: {result.records:,} inputs of {result.cases:,} contracts compared with the "
    said += f"reference, {result.again:,} judged again in other shapes"
    print(f"{said}; {len(result.found)} found; {time.monotonic() - began:.0f} s")
    return 1 if result.found else 0


if __name__ == "__main__":
    sys.exit(main())
