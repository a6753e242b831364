"""How well suggested contracts find wrong cells: F1 against clean copies, without labels and with twenty marked rows.

A cell is wrong where the text in the dirty file differs from that in the clean one, and flagged where a rule of the
suggested contract accuses it when the kernel judges the dirty file. Settings are the defaults. `f1_NAME_labels` is the
mean over `SEEDS`: for each, twenty rows are drawn at random and all their wrong cells are marked, without a correction.
`f1_NAME_labels_least` is the worst of them. `seconds_million` is the time for a million typed rows of ten columns.
Without the data (the variable STILLWELL_DATA, or `shared/data` beside the checkout) nothing is measured.
"""

from __future__ import annotations

import csv
import gzip
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from _measure import report, say

from stillwell.api import as_batch
from stillwell.kernel import Kernel
from stillwell.suggest import Labels, cells, suggest

sys.path.append(str(Path(__file__).parents[1]))

from tests.real.datasets import folder

NAMES = ("hospital", "beers", "rayyan")
SEEDS = range(10)
MARKED = 20


@dataclass(frozen=True)
class Pair:
    """A dirty table of texts, and the cells (row, column) that the clean copy has otherwise."""

    name: str
    dirty: pa.Table
    wrong: frozenset[tuple[int, str]]

    def labels(self, seed: int) -> Labels:
        """What a person would say of twenty rows drawn at random."""
        rows = frozenset(np.random.default_rng(seed).choice(len(self.dirty), MARKED, replace=False).tolist())
        return Labels(frozenset(cell for cell in self.wrong if cell[0] in rows), rows)


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 of flagged cells, and the seconds that the suggestion took."""

    precision: float
    recall: float
    f1: float
    seconds: float


def data() -> Path | None:
    """Where the data is, or None."""
    place = folder()
    return place if place and (place / "pairs").is_dir() else None


def load(folder: Path) -> Pair:
    """The pair in a folder, compared cell by cell as texts."""
    (names, *dirty), (_, *clean) = (_rows(folder / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
    wrong = {
        (number, name)
        for number, (row, right) in enumerate(zip(dirty, clean, strict=True))
        for name, one, other in zip(names, row, right, strict=True)
        if one != other
    }
    table = pa.table({name: [row[place] for row in dirty] for place, name in enumerate(names)})
    return Pair(folder.name, table, frozenset(wrong))


def _rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def score(pair: Pair, labels: Labels | None = None) -> Score:
    """Suggest a contract, judge the dirty table by it, and compare."""
    began = time.perf_counter()
    suggestion = suggest(pair.dirty, name=pair.name, labels=labels)
    seconds = time.perf_counter() - began
    kernel = Kernel(suggestion.contract)
    try:
        judged = kernel.judge(as_batch(pair.dirty))
    finally:
        kernel.close()
    flagged = {(cell.row, cell.field) for cell in cells(suggestion.contract, judged)}
    hit = len(flagged & pair.wrong)
    precision, recall = hit / max(1, len(flagged)), hit / max(1, len(pair.wrong))
    return Score(precision, recall, 2 * hit / max(1, len(flagged) + len(pair.wrong)), seconds)


def million() -> float:
    """Seconds for a million typed rows of ten columns."""
    draw, rows = np.random.default_rng(0), 1_000_000
    sites = pa.array([f"site_{number:03}" for number in range(300)])
    table = pa.table(
        {
            "id": np.arange(rows),
            "time": np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "s"),
            "site": sites.take(pa.array(draw.integers(0, 300, rows))),
            "status": pa.array(["ok", "late", "lost"]).take(pa.array(draw.choice(3, rows, p=[0.9, 0.08, 0.02]))),
            "temperature": draw.normal(20, 5, rows),
            "humidity": draw.uniform(0, 100, rows),
            "amount": draw.lognormal(3, 1, rows).round(2),
            "count": draw.poisson(4, rows),
            "ratio": draw.beta(2, 5, rows),
            "flag": draw.random(rows) < 0.1,
        }
    )
    began = time.perf_counter()
    suggest(table, name="million")
    return time.perf_counter() - began


def main() -> None:
    """Measure, refresh the table, print the figures."""
    folder = data()
    if folder is None:
        raise SystemExit("There is no data: set STILLWELL_DATA to the folder that holds `pairs`.")
    figures: dict[str, object] = {}
    rows = []
    for name in NAMES:
        pair = load(folder / "pairs" / name)
        plain = score(pair)
        taught = [score(pair, pair.labels(seed)) for seed in SEEDS]
        mean = statistics.mean(one.f1 for one in taught)
        least = min(one.f1 for one in taught)
        say(f"{name}: F1 {plain.f1:.3f}, with labels {mean:.3f} (at least {least:.3f})")
        figures |= {
            f"f1_{name}": round(plain.f1, 3),
            f"f1_{name}_labels": round(mean, 3),
            f"f1_{name}_labels_least": round(least, 3),
        }
        size = f"{len(pair.dirty):,} rows, {len(pair.wrong):,} wrong cells"
        shown = f"F1 {plain.f1:.3f} (precision {plain.precision:.3f}, recall {plain.recall:.3f})"
        rows.append((f"{name} ({size}), by default", f"{shown}, {plain.seconds:.1f} s"))
        shown = f"F1 {mean:.3f} (from {least:.3f} to {max(one.f1 for one in taught):.3f})"
        rows.append((f"{name}, {MARKED} rows marked, {len(SEEDS)} draws", shown))
    seconds = million()
    figures["seconds_million"] = round(seconds, 1)
    rows.append(("1,000,000 typed rows of 10 columns", f"{seconds:.1f} s"))
    report("suggest", "Wrong cells found by suggested contracts", rows, figures)


if __name__ == "__main__":
    main()
