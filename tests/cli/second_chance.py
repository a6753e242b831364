"""Writes docs/quarantine.md: a session with a quarantine, from the first look to an audit after its expiry.

`python -m tests.cli.second_chance` writes the page anew; a test sees that it is true.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from typer.testing import CliRunner

from stillwell.cli._app import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quarantine.md"

_WIDE, _LONG = 150, 14

PROSE = """\
# The quarantine

*Made by `make docs`: every command below was run, and what follows it is what it printed (long lines and long outputs
cut).* A rejected record is not lost: it lies in the quarantine as it came, with the reasons. When the contract learns
better, it gets a second chance. Here `sensors` is the folder `examples/sensors` with 5,000 records instead of endlessly
many.

    $ stillwell run sensors --quiet

## What is in it

    $ stillwell quarantine ls sensors

A record counts with each rule that rejected it. It is *open* until a replay accepts it (*passed*) or it is removed
(*expired*).

    $ stillwell quarantine show sensors --where rule=temperature.range --limit 1

Where the contract has sensitive fields, payload and key are hidden; `--reveal` shows them. `--where KEY=VALUE` chooses
records, the same for all verbs; it may be repeated. All keys must hold; of one key, any of its values.

| key | chooses by |
|---|---|
| `rule` | a rule that rejected the record: `temperature.range`, `temperature.*` |
| `field` | the field of such a rule; of elements of an array `tags[]` |
| `version` | the version of the contract that rejected it: `1.0.0`, `1.*` |
| `key` | the message's key |
| `partition`, `offset` | its place: `7`, `100..199` |
| `since`, `until` | its ingest time: from the one (included) to the other (not included); `2026-01-31T12:00:00Z` |
| `state` | `open`, or more exactly `new` (never replayed) and `failing` (replayed, rejected again); `passed` |

## Judge it again

It turns out that some sensors sit on an engine, where 100 °C are usual. The contract is mended, and a try says what that
would do:

    $ sed -i 's/version: 1.0.0/version: 1.1.0/; s/max: 85,/max: 200,/' sensors/contract.yml
    $ stillwell quarantine replay sensors --where rule=temperature.range --dry-run

Then in earnest. `--contract FILE` would judge by another contract than that of the pipeline.

    $ stillwell quarantine replay sensors --where rule=temperature.range
    $ stillwell quarantine show sensors --where rule=temperature.range --where state=passed --limit 1
    $ stillwell audit sensors

What passes is in the accepted sink now, with its own topic, partition, offset and ingest time; `_stillwell.via` says
`replay-1` there, and is null for a row that came straight. The quarantine is only added to: the originals stay, and the
table of outcomes beside it (`lake/quarantine_outcomes` here) says what became of each. A record that still fails gets an
outcome there, not a second copy. A second replay takes up what is still open, and nothing twice:

    $ stillwell quarantine replay sensors --where rule=temperature.range

## Let it expire

    $ stillwell quarantine expire sensors --where state=passed
    $ stillwell quarantine expire sensors --older-than 30d --dry-run
    $ stillwell quarantine expire sensors --older-than 30d
    $ stillwell audit sensors
    $ stillwell quarantine ls sensors

Counts and checksums are written to the ledger first, and an outcome for each record (place, rules and a hash of the
payload, but no value: about 20 bytes), and only then the rows go. So the audit still accounts for every record, and a row that somebody
deletes by hand is named as lost. In a Delta table the files of older versions stay until the table is vacuumed.

## What is promised

- **Once.** A replay is a run of its own: it has its own epochs, intents and marks (the source is named
  `ORIGIN#replay-1`), and what passes is committed with the mark, as in any run. Killed at any instant, run twice, or
  started on two machines at once, each record is accepted once; of two, one is fenced.
- **The same.** What a replay is about is settled when it begins: the selection, how far each partition was written, and
  the contract. When it is killed, the next `replay` (or `expire`) first finishes it under exactly that, and says so;
  `ls` and `audit` say that there is one to be finished. Then the new one begins.
- **As of then.** `now` in the contract is the original ingest time of the record.
- **Beside a run.** A replay or an expiry and a run of the pipeline may go on at the same time (not with DuckDB, whose
  file one process holds). Two replays on one machine wait for nobody: the second is refused. An audit wants both to stand
  still.
- **Bounded.** Whatever the order in which a sink keeps its rows, a replay reads them in the order of partition and
  offset: it lays them out in files of the state folder first, an epoch each, and removes those at the end. Memory is
  bounded by an epoch, and about 20 bytes for each chosen record and each outcome.
- **One audit.** A record counts once, as accepted or quarantined. A row that came by a replay must have its record in the
  quarantine (or expired), is judged again from there, and needs exactly one outcome that says passed.

## Exit codes

| | 0 | 1 | 2 |
|---|---|---|---|
| `replay` (or a try) | all pass, or none was open | none passes | some pass (here, or of a killed one that was finished), some still fail |
| `ls`, `show`, `expire` | done | | |
| `audit` | it holds | it does not | it holds, with a warning: something is to be finished, records were gone before they could be read, or the source was left out |

3 as ever: it could not be told. So it is with `audit` where the source cannot be read: it is away, refuses us, is gone or is another
one now. `stillwell audit --without-source` then says what the ledger alone can tell. With `--json` the objects are `stillwell.quarantine/1`, `stillwell.quarantined/1`,
`stillwell.replay/1` and `stillwell.expiry/1`.

## Good to know

- Rows are read from the first quarantine sink of the pipeline; an expiry removes them from all. The outcomes lie beside
  that sink and are of its kind: `PATH_outcomes` (Delta, Parquet, JSON lines), `TABLE_outcomes` (DuckDB), a topic
  `TOPIC.outcomes` (Kafka), with a ledger of their own beside them.
- Rows can be removed from Delta, Parquet and DuckDB. JSON lines are refused, and so is a dead-letter topic: there the
  topic's retention decides.
- Sequence rules (`jump`, `unchanged`, …) are not evaluated for a replayed record: its history is over.
- A rule of severity `fail` rejects in a replay and does not stop it.
- Lines of delimited text are judged with the header that they came under, which the ledger keeps.
- Typed records (Parquet, Delta) are judged as they came; they have no payload, and no checksum of one.
- An accepted sink that is added later (or was lost) is filled by the next run from the source, but not with what earlier
  replays brought; `audit` names these rows.
- The accepted sinks must be able to take the rows of the contract: one with other fields is refused before anything is
  written.
"""


def page() -> str:
    """The whole page, made by running every command in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="second-chance-") as place:
        here = Path(place)
        (here / "sensors").mkdir()
        example = ROOT / "examples" / "sensors"
        (here / "sensors" / "contract.yml").write_text((example / "contract.yml").read_text(encoding="utf-8"))
        pipeline = (example / "pipeline.yml").read_text(encoding="utf-8").replace("seed: 7", "seed: 7, rows: 5000")
        (here / "sensors" / "pipeline.yml").write_text(pipeline)
        lines = []
        for line in PROSE.splitlines():
            lines.append(line)
            if line.startswith("    $ "):
                lines += printed(line.removeprefix("    $ "), here)
        return re.sub("\n{3,}", "\n\n", "\n".join(lines) + "\n")


def printed(command: str, here: Path) -> list[str]:
    code, output = _ran(command, here)
    if code not in (0, 1, 2):
        raise RuntimeError(f"{command}: {output}")
    printed = [line[: _WIDE - 1] + "…" if len(line) > _WIDE else line for line in output.splitlines()]
    if len(printed) > _LONG + 3:
        printed = [*printed[:_LONG], "…", *printed[-1:]]
    return [f"    {line}".rstrip() for line in printed] + [""]


def _ran(command: str, here: Path) -> tuple[int, str]:
    """Exit code and output of a command of a shell; a verb runs in this process, which has imported it already."""
    verb, *arguments = shlex.split(command)
    with contextlib.chdir(here):
        if verb == "stillwell":
            told = CliRunner().invoke(app, arguments)
            return told.exit_code, told.output
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def timeless(text: str) -> str:
    """The page without what differs from run to run: when it was and how long it took."""
    text = re.sub(r"\d+\.\d s\b", "0.0 s", text)
    text = re.sub(r"[\d,]+ records/s", "0 records/s", text)
    return re.sub(r"(replay-\d · |taken in before )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
