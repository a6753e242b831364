"""Which real data there is, by which contract it is judged, and what the verdict on a whole data set is."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwell.connectors import files
from stillwell.connectors.base import Place
from stillwell.contract.load import load
from stillwell.kernel import Format, Judged, Kernel
from stillwell.kernel.sequence.history import History
from stillwell.kernel.tally import Tally, merge

ROOT = Path(__file__).parents[2]
CONTRACTS = Path(__file__).parent / "contracts"
PAGE = ROOT / "docs" / "real-data.md"
VARIABLE = "STILLWELL_DATA"
BESIDE = ROOT.parent / "shared" / "data"

Cells = set[tuple[int, str]]
"""Cells by row (from 0, without the header) and column."""


@dataclass(frozen=True)
class Dataset:
    """One data set: `path` is a glob inside the data folder, `format` is told where names do not tell it."""

    name: str
    path: str
    format: Mapping[str, Any] | None = None

    @property
    def contract(self) -> Path:
        """Its contract."""
        return CONTRACTS / f"{self.name}.yml"

    def files(self, data: Path) -> list[Path]:
        """Its files that are there."""
        return sorted(data.glob(self.path))


LAB = ["date", "time", "epoch", "mote", "temperature", "humidity", "light", "voltage"]

DATASETS = {
    one.name: one
    for one in (
        Dataset("intel_lab", "intel_lab/readings_even_motes.txt.gz", {"csv": {"delimiter": " ", "header": LAB}}),
        Dataset(
            "intel_lab_history", "intel_lab/readings_even_motes.txt.gz", {"csv": {"delimiter": " ", "header": LAB}}
        ),
        Dataset("beijing_air", "beijing_air/*.csv.gz"),
        Dataset("uci_air_quality", "uci_air_quality/AirQualityUCI.csv.gz"),
        Dataset("card_transactions", "fraud/handbook_simulated_2018-04.csv.gz"),
        Dataset("creditcard", "fraud/creditcard_ulb_sample2000.csv.gz"),
        Dataset("hospital", "pairs/hospital/dirty.csv.gz"),
        Dataset("beers", "pairs/beers/dirty.csv.gz"),
        Dataset("rayyan", "pairs/rayyan/dirty.csv.gz"),
    )
}
PAIRS = ("hospital", "beers", "rayyan")
"""Those with a copy that somebody cleaned: `clean.csv.gz` beside them."""


def folder() -> Path | None:
    """Where the data is: what the variable says, else beside the checkout; None when it is not there."""
    told = os.environ.get(VARIABLE)
    path = Path(told) if told else BESIDE
    return path.absolute() if path.is_dir() else None


@dataclass(frozen=True)
class Verdict:
    """What the kernel says of all records of a data set; `tally` has one cell."""

    accepted: pa.Table
    quarantined: pa.Table
    tally: Tally
    conserved: bool

    @property
    def read(self) -> int:
        """How many records there were."""
        return self.tally.count("read")

    def reasons(self) -> dict[int, list[dict[str, str]]]:
        """The reasons of each quarantined record, by its offset."""
        offsets = (one["offset"] for one in self.quarantined["_stillwell"].to_pylist())
        return dict(zip(offsets, self.quarantined["reasons"].to_pylist(), strict=True))

    def offsets(self) -> list[int]:
        """The offsets of all rows that came out, accepted first."""
        both = (self.accepted, self.quarantined)
        return [one["offset"] for rows in both for one in rows["_stillwell"].to_pylist()]

    def nulls(self) -> dict[str, int]:
        """How many records have no value, by field."""
        return {name: int(one.null.sum()) for name, one in self.tally.fields.items()}

    def not_evaluated(self, rule: str) -> int:
        """For how many records a rule was not evaluated."""
        return int(self.tally.rules[rule].not_evaluated.sum())


def batches(dataset: Dataset, data: Path, state: Path) -> Iterator[tuple[Format, pa.Table]]:
    """The records as the source of files gives them, and how they are to be read."""
    options = {"path": str(data / dataset.path), "format": dataset.format}
    source = files.Source(files.Source.Options(**options), Place("real", data, state))
    source.open()
    try:
        while not source.finished:
            chunk = source.read(100_000)
            if chunk is not None:
                yield source.format, chunk.table
    finally:
        source.close()


def kernel(dataset: Dataset) -> Kernel:
    """What judges a data set by its contract."""
    told = dataset.format
    return Kernel(load(dataset.contract), format=Format("csv", told["csv"] if told else {}))


def judged(dataset: Dataset, data: Path, state: Path, kernel: Kernel) -> list[Judged]:
    """The kernel's answers, batch by batch; sequence rules go on from one to the next."""
    history = History(kernel.contract)
    return [kernel.judge(batch, history=history) for _, batch in batches(dataset, data, state)]


def verdict(parts: Iterable[Judged]) -> Verdict:
    """The answers on the batches of a data set as one."""
    parts = list(parts)
    return Verdict(
        accepted=pa.concat_tables([one.accepted for one in parts]),
        quarantined=pa.concat_tables([one.quarantined for one in parts]),
        tally=merge([one.tally for one in parts]).total(),
        conserved=all(facts.conserved for one in parts for facts in one.facts.values()),
    )


def on_the_page(name: str, found: Verdict) -> bool:
    """Whether the page for readers shows these counts of a data set."""
    counts = f" | {found.read:,} | {len(found.accepted):,} | {len(found.quarantined):,} | "
    return any(line.startswith(f"| `{name}` |") and counts in line for line in PAGE.read_text().splitlines())


def flagged(found: Verdict) -> Cells:
    """The cells that reasons accuse; a reason of several fields accuses all of them, a warning none."""
    return {(row, field) for row, reasons in found.reasons().items() for one in reasons if one["severity"] != "warn"
            for field in one["field"].split(",")}  # fmt: skip


def wrong(name: str, data: Path) -> Cells:
    """The cells of a pair in which the dirty copy and the clean one differ, as texts."""
    header, *dirty = rows(data / "pairs" / name / "dirty.csv.gz")
    _, *clean = rows(data / "pairs" / name / "clean.csv.gz")
    return {
        (number, column)
        for number, (one, other) in enumerate(zip(dirty, clean, strict=True))
        for column, left, right in zip(header, one, other, strict=True)
        if left != right
    }


def rows(path: Path) -> list[list[str]]:
    """The rows of a delimited file, header first, as the standard library reads them."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def records(path: Path) -> list[dict[str, str]]:
    """The rows of a delimited file below its header."""
    header, *body = rows(path)
    return [dict(zip(header, row, strict=True)) for row in body]


def precision_and_recall(found: Cells, faults: Cells) -> tuple[float, float]:
    """How many of the cells found are faults, and how many of the faults were found: shares."""
    hit = len(found & faults)
    return hit / len(found), hit / len(faults)
