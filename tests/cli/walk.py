"""Writes docs/suggest.md: what a new user types on the hospital data, and what it prints.

`python -m tests.cli.walk` writes the page anew; a test sees that it is true. Without the data nothing is written.
"""

from __future__ import annotations

import csv
import gzip
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.real.datasets import VARIABLE, folder

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "suggest.md"

_WIDE, _LONG = 116, 12

PROSE = f"""\
# A contract from your data

*Made by `make docs`: every command below was run, and what follows it is what it printed (long lines and long outputs
cut).* The data is the hospital table of the error detection papers, in which 509 of 20,000 cells were made wrong. It is
not part of the project: `{VARIABLE}` names the folder where you have it, here `/data`.

## Look at a file

Nothing is needed but the file. Without a contract, `check` judges by what is usual in the data, and says so at once:

    $ stillwell check ${VARIABLE}/pairs/hospital/dirty.csv.gz

A rule is named after its field and what it asks. `reject` would put a record into quarantine, `warn` only speaks of it.
The exit code is 1, because there were rejects.

## Write it down

    $ stillwell suggest ${VARIABLE}/pairs/hospital/dirty.csv.gz > contract.yml
    $ sed -n '/^  city:/,/^  state:/p' contract.yml

The file is there to be read and edited. Each comment says what in the data speaks for the lines below it, and how sure
that is. Read it from top to bottom: you know what the data cannot know. Delete what is not meant, correct what is only
nearly right, and raise a `warn` to `reject` where you rely on it.

    $ stillwell lint contract.yml

## Which cells

    $ stillwell check ${VARIABLE}/pairs/hospital/dirty.csv.gz --contract contract.yml --cells cells.csv
    $ head -5 cells.csv

`--cells` writes a line for each cell that a rule accuses: `row,field,rule`, sorted by row. A row is the number of the
record: from 1, in the order of the data, the header not counted; a field has the name that the contract gives it. A cell
that breaks two rules has two lines. What is wrong with a whole record (a line with too few cells) has no field. It goes
with `--json` and `--quarantine` too.

Held against the clean copy of the table, cell by cell:

{{hospital}}

## Tell it what you know

What most records do is taken for right. Where a whole column is written in a wrong way, no statistics can know that; but
you can say so. Look at some records, about 20, and mark what is wrong in a file of three columns:

| column | |
|---|---|
| `row` | number of the record: from 1, as in `cells.csv` |
| `field` | the column (or field) that is wrong there, or nothing: *I looked at this record, it is all right* |
| `value` | what should stand there, if you know it; the column may be left out |

A record that is listed was looked at: its cells that are not listed are right. A line whose `value` is what stands there
already marks nothing. A shortened `cells.csv` is a good start: its column `rule` is read over. Here is such a file for
the beers data: 20 records drawn by chance, and marked by the clean copy.

    $ head -5 marked.csv
    $ stillwell suggest ${VARIABLE}/pairs/beers/dirty.csv.gz > plain.yml
    $ stillwell suggest ${VARIABLE}/pairs/beers/dirty.csv.gz --labels marked.csv > taught.yml
    $ diff plain.yml taught.yml

Held against the clean copy again, without the labels and with them:

{{beers}}

## Start a pipeline

`init` writes the contract and a pipeline beside it, which runs as it is. It never writes over a file that is there, unless
`--force` is said.

    $ mkdir try && cd try && stillwell init ${VARIABLE}/pairs/hospital/dirty.csv.gz
    $ cat try/pipeline.yml
    $ stillwell run try --quiet
    $ stillwell audit try

## Good to know

- DATA is what it is for `check`: CSV, TSV, JSON lines, Parquet, Delta, compressed, a glob, a folder, standard input; with
  `--format`, `--delimiter`, `--header` and `--at` where names do not tell.
- The first million records are looked at, or the first 256 MiB: `--sample N` says fewer. Memory is bounded by that.
  Of more than 200,000 records a random 100,000 speak for all, always the same ones; the first line of the contract says so.
- Values inside JSON objects are found by their path (`from: site.name`). Arrays, and what is now an object, now a value,
  are left out, and that is said.
- Standard output holds the contract and nothing else; remarks go to standard error. `--out FILE` writes a file, `--json`
  gives the text together with the evidence of each rule (schema `stillwell.suggest/1`).
- It is a look at a sample, not a promise: a rule for what comes tomorrow is yours to write.
"""


def data() -> Path | None:
    """The folder with the data, if it is there."""
    found = folder()
    return found if found and (found / "pairs").is_dir() else None


def page(folder: Path) -> str:
    """The whole page, made by running every command in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="walk-") as place:
        here = Path(place)
        _mark(folder / "pairs" / "beers", here / "marked.csv")
        lines = []
        for line in PROSE.splitlines():
            lines.append(line)
            if line.startswith("    $ "):
                lines += _printed(line.removeprefix("    $ "), here, folder)
        text = re.sub("\n{3,}", "\n\n", "\n".join(lines) + "\n")
        text = text.replace("{hospital}", _scores(folder / "pairs" / "hospital", {"as suggested": here / "cells.csv"}))
        found = {}
        for name, contract in (("as suggested", "plain"), ("with labels", "taught")):
            found[name] = here / f"{contract}.csv"
            beers = "$STILLWELL_DATA/pairs/beers/dirty.csv.gz"
            _run(f"stillwell check {beers} --contract {contract}.yml --cells {found[name]}", here, folder)
        return text.replace("{beers}", _scores(folder / "pairs" / "beers", found))


def _run(command: str, here: Path, folder: Path) -> str:
    environment = os.environ | {VARIABLE: str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-c", command], cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode not in (0, 1, 2):
        raise RuntimeError(f"{command}: {result.stdout}")
    return result.stdout.replace(str(folder), "/data").replace(str(here), "")


def _printed(command: str, here: Path, folder: Path) -> list[str]:
    printed = [
        line[: _WIDE - 1] + "…" if len(line) > _WIDE else line for line in _run(command, here, folder).splitlines()
    ]
    if len(printed) > _LONG + 4:
        printed = [*printed[:_LONG], "…", *printed[-3:]]
    return [f"    {line}".rstrip() for line in printed] + [""]


def _table(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _wrong(pair: Path) -> set[tuple[int, str]]:
    dirty, clean = _table(pair / "dirty.csv.gz"), _table(pair / "clean.csv.gz")
    both = zip(dirty[1:], clean[1:], strict=True)
    return {
        (row, name)
        for row, cells in enumerate(both, 1)
        for name, one, other in zip(dirty[0], *cells, strict=True)
        if one != other
    }


def _mark(pair: Path, path: Path) -> None:
    """Twenty rows drawn by chance, with every wrong cell in them and its right value."""
    clean, wrong = _table(pair / "clean.csv.gz"), _wrong(pair)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "field", "value"))
        for row in sorted(random.Random(1).sample(range(1, len(clean)), 20)):
            names = [name for name in clean[0] if (row, name) in wrong]
            writer.writerows((row, name, clean[row][clean[0].index(name)]) for name in names)
            if not names:
                writer.writerow((row, "", ""))


def _scores(pair: Path, found: dict[str, Path]) -> str:
    wrong = _wrong(pair)
    lines = ["| | wrong cells | flagged | of them wrong | precision | recall | F1 |", "|---|---|---|---|---|---|---|"]
    for name, path in found.items():
        flagged = {
            (int(row), field) for row, field, _ in list(csv.reader(path.read_text(encoding="utf-8").splitlines()))[1:]
        }
        hits = len(flagged & wrong)
        shares = (hits / len(flagged), hits / len(wrong), 2 * hits / (len(flagged) + len(wrong)))
        counts = (f"{count:,}" for count in (len(wrong), len(flagged), hits))
        lines.append(f"| {name} | {' | '.join(counts)} | {' | '.join(f'{share:.3f}' for share in shares)} |")
    return "\n".join(lines)


def timeless(text: str) -> str:
    """The page without what differs from run to run: how long things took."""
    text = re.sub(r"\d+\.\d s\b", "0.0 s", text)
    return re.sub(r"[\d,]+ records/s", "0 records/s", text)


if __name__ == "__main__":
    there = data()
    if there is None:
        sys.stderr.write(f"{PAGE.name} stays as it is: {VARIABLE} names no folder with the data\n")
    else:
        PAGE.write_text(page(there), encoding="utf-8")
