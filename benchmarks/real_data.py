"""What hand-written contracts find in real data, and how fast: from files as they are, compressed, to verdicts.

`records`, `accepted`, `quarantined`, `reasons` (how many records broke each rule, most first; warnings too) and `mps`
(million records a second: reading, decompressing and judging) for each data set. For those with a cleaned copy also
`precision`, `recall` and `f1` of the cells that reasons accuse, against the cells in which the copies differ. The
data is looked for where the tests look for it; without it nothing is measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from _measure import alternate, report

sys.path.append(str(Path(__file__).parents[1]))

from tests.real.datasets import (
    DATASETS,
    PAIRS,
    VARIABLE,
    Verdict,
    flagged,
    folder,
    judged,
    kernel,
    precision_and_recall,
    verdict,
    wrong,
)

SHOWN = 3
"""How many rules of a data set the table names."""


def found(name: str, data: Path, whole: Verdict) -> dict[str, Any]:
    """The counts of one data set and, where there is a clean copy, how good its cells are."""
    figures: dict[str, Any] = {
        "records": whole.read,
        "accepted": len(whole.accepted),
        "quarantined": len(whole.quarantined),
        "reasons": dict(sorted(whole.tally.failures().items(), key=lambda item: -item[1])),
    }
    if name in PAIRS:
        precision, recall = precision_and_recall(flagged(whole), wrong(name, data))
        f1 = 2 * precision * recall / (precision + recall)
        figures |= {"precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)}
    return figures


def row(name: str, figures: dict[str, Any]) -> tuple[str, str]:
    """One line of the table."""
    rules = list(figures["reasons"].items())
    named = ", ".join(f"{rule} {count:,}" for rule, count in rules[:SHOWN]) + (" …" if len(rules) > SHOWN else "")
    read, accepted, quarantined = (f"{figures[key]:,}" for key in ("records", "accepted", "quarantined"))
    text = f"{read} = {accepted} accepted + {quarantined} quarantined; {named}; {figures['mps']} M records/s"
    if "f1" in figures:
        text += "; cells: precision {precision}, recall {recall}, F1 {f1}".format(**figures)
    return name, text


def main() -> None:
    """Judge every data set that is there, refresh the table, print the figures."""
    data = folder()
    there = {name: one for name, one in DATASETS.items() if data and one.files(data)}
    if data is None or not there:
        why = f"there is no real data: {VARIABLE} names no folder of it, and none lies beside the checkout"
        print(json.dumps({"schema": "stillwell.benchmark.real_data/1", "skipped": why}))
        return
    with tempfile.TemporaryDirectory() as state:
        work = {name: partial(judged, one, data, Path(state) / name, kernel(one)) for name, one in there.items()}
        figures = {name: found(name, data, verdict(judge())) for name, judge in work.items()}
        for name, seconds in alternate(work, rounds=3).items():
            figures[name]["mps"] = round(figures[name]["records"] / seconds / 1e6, 3)
    title = "Real data, judged by contracts written by hand"
    report("real_data", title, [row(name, one) for name, one in figures.items()], figures)


if __name__ == "__main__":
    sys.exit(main())
