"""Measures alternatives side by side: in turn, several times, so that what else the machine does hits all alike."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def say(text: str) -> None:
    """Progress, for people: to stderr."""
    print(text, file=sys.stderr, flush=True)


def alternate(work: Mapping[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """The median seconds of each piece of work; every round runs each once, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, run in work.items():
            began = time.perf_counter()
            result = run()
            took = time.perf_counter() - began
            del result
            if turn:
                seconds[name].append(took)
        say(
            f"round {turn} of {rounds}: "
            + ", ".join(f"{name} {times[-1]:.3f} s" for name, times in seconds.items() if times)
        )
    return {name: statistics.median(times) for name, times in seconds.items()}


def report(name: str, title: str, rows: list[tuple[str, str]], figures: Mapping[str, object]) -> None:
    """Refresh the committed table and print the one line of JSON."""
    import duckdb
    import pyarrow as pa

    machine = f"Python {platform.python_version()}, DuckDB {duckdb.__version__}, pyarrow {pa.__version__}"
    lines = [f"# {title}", "", machine, "", "| what | figure |", "|---|---|"]
    lines += [f"| {what} | {figure} |" for what, figure in rows]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print(json.dumps({"schema": f"stillwell.benchmark.{name}/1", **figures}))
