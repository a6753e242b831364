"""Feeds raw bytes, led by coverage, to the kernel and to the reference; `make fuzz` gives it an environment of its own.

The reference is instrumented, so that bytes are kept which reach a new branch of the grammar. It judges each input at
once; the kernel judges some hundreds together, because a query costs more than a record.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[1]
SEEDS = ROOT / "fuzz" / "seeds"

sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["tests.kernel.reference", "tests.fuzz.slow", "stillwell.kernel.prepare"]):
    from stillwell.kernel import prepare  # noqa: F401
    from tests.fuzz import slow
    from tests.kernel import reference  # noqa: F401

from tests.fuzz import cases, raw  # noqa: E402


def seeds() -> list[bytes]:
    """The committed inputs: one JSON text a line, or the bytes as hexadecimal digits."""
    held = [json.loads(line) for line in (SEEDS / "bytes.jsonl").read_text().splitlines()]
    return [bytes.fromhex(one["hex"]) if isinstance(one, dict) else one.encode() for one in held]


def keep(folder: Path) -> None:
    """Write what coverage kept back to the committed inputs."""
    found = sorted({path.read_bytes() for path in folder.iterdir()})
    lines = sorted(json.dumps(cases.written(data)) for data in found)
    (SEEDS / "bytes.jsonl").write_text("\n".join(lines) + "\n")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=200_000, help="how many records are judged at least")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", action="store_true", help="add the inputs that reached new branches to the seeds")
    given = options.parse_args()
    judges = raw.judges()
    runs = -(-given.inputs // len(judges))
    folder = Path(tempfile.mkdtemp(prefix="stillwell-bytes-"))
    for number, data in enumerate(seeds()):
        (folder / str(number)).write_bytes(data)
    batch: list[bytes] = []
    counts = {"inputs": 0, "found": 0}
    began = time.monotonic()

    def judge_batch() -> None:
        for one in judges:
            counts["inputs"] += len(batch)
            for found in one.differences(batch):
                counts["found"] += 1
                print(found, flush=True)
        batch.clear()

    def take(data: bytes) -> None:
        for one in judges:
            slow.outcome(one.contract, data, one.form)
        batch.append(data)
        if len(batch) >= raw.TOGETHER or counts["inputs"] + len(batch) * len(judges) >= given.inputs:
            judge_batch()
        if counts["inputs"] >= given.inputs:
            said = (
                f"bytes: seed {given.seed}: {counts['inputs']:,} inputs of {len(judges)} contracts compared with the "
            )
            print(f"{said}reference; {counts['found']} found; {time.monotonic() - began:.0f} s", flush=True)
            if given.keep:
                keep(folder)
            shutil.rmtree(folder)
            # libFuzzer would report an ordinary exit as a crash.
            os._exit(1 if counts["found"] else 0)

    atheris.Setup(
        [
            sys.argv[0],
            f"-seed={given.seed}",
            f"-runs={2 * runs + 10_000}",
            "-max_len=400",
            f"-dict={SEEDS / 'words.dict'}",
            "-verbosity=0",
            "-print_final_stats=0",
            str(folder),
        ],
        take,
    )
    atheris.Fuzz()
    return 3


if __name__ == "__main__":
    sys.exit(main())
