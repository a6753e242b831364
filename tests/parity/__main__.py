"""Judges all cases and generated streams on every engine, compares verdict by verdict, and ends with one JSON object."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillwell import lab
from tests.cases.case import Case, cases
from tests.cases.check import unmet
from tests.cases.outcome import Outcome
from tests.parity import stage, streams
from tests.parity.compare import Difference, compared
from tests.parity.hosts import Host, hosts
from tests.parity.mutation import mutated
from tests.parity.table import table
from tests.torture.table import commit

SHOWN = 10


@dataclass
class Score:
    """What came of it: `records` of every stream that all engines judged, differences by host."""

    records: int = 0
    rejected: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    differences: Counter[str] = field(default_factory=Counter)

    def add(self, host: Host, what: str, found: Sequence[Difference]) -> None:
        """Count what differs on a host, and show the first of it."""
        for one in found[: max(0, SHOWN - self.differences[host.name])]:
            print(f"{host.name}, {what}: {one}", file=sys.stderr)
        self.differences[host.name] += len(found)


@dataclass(frozen=True)
class Play:
    """All streams, who plays them, and what one host is told otherwise."""

    folder: Path
    brokers: str
    hosts: tuple[Host, ...]
    streams: tuple[Case, ...]
    mutation: Mapping[tuple[str, str], str] = field(default_factory=dict)
    with_cases: bool = True

    def plays(self, host: Host, case: Case) -> bool:
        """Whether the engine does not refuse the contract."""
        return not stage.refuses(host.engine, case, self.folder)

    def run(self, host: Host) -> float:
        """Judge everything on a host, in a process of its own; how long that took, in seconds."""
        pipelines = [
            {
                "file": str(stage.write(self.folder, self.brokers, case, host,
                                        self.mutation.get((host.name, case.id), case.texts[0]))),
                "again": number % 4 == 1,
            }
            for number, case in enumerate(self.streams) if self.plays(host, case)
        ]  # fmt: skip
        asked = {"cases": self.with_cases, "pipelines": pipelines}
        (self.folder / f"{host.name}.json").write_text(json.dumps(asked))
        log, began = self.folder / f"{host.name}.log", time.monotonic()
        command = [host.python, "-m", "tests.parity.job", host.name, self.folder, self.brokers]
        with log.open("w") as out:
            done = subprocess.run(
                command, cwd=self.folder, env=host.environment(), stdout=out, stderr=subprocess.STDOUT
            )
        assert done.returncode == 0, f"{host.name} failed:\n{log.read_text()[-6000:]}"
        return round(time.monotonic() - began, 1)

    def file(self, host: Host, case: Case) -> Path:
        """The pipeline of a host."""
        return self.folder / case.id / f"{host.name.replace(' ', '-')}.yml"


def main() -> int:
    """0 when nothing differs; with a mutation, when something does."""
    options = _asked()
    began, checked_out = time.monotonic(), commit()
    folder = Path(tempfile.mkdtemp(prefix="stillwell-parity-"))
    chosen = tuple(host for host in hosts() if not options.hosts or host.name in options.hosts)
    drawn = _drawn(options, chosen, folder)
    place, text, what = mutated(drawn, options.seed) if options.mutate else ("", "", "")
    mutation = {(options.mutate, place): text} if options.mutate else {}
    with lab.up("kafka", folder=folder / "broker") as kafka:
        for case in drawn:
            stage.send(kafka.address, case)
        play = Play(folder, kafka.address, chosen, drawn, mutation, not options.no_cases)
        score = Score()
        for host in chosen:
            print(f"{host.name} …", file=sys.stderr)
            score.seconds[host.name] = play.run(host)
        _compare_cases(play, score)
        _compare_streams(play, score)
    differences = score.differences.total()
    ended = bool(differences) is bool(options.mutate)
    if ended:
        shutil.rmtree(folder)
    else:
        print(f"what is left of it: {folder}", file=sys.stderr)
    found = {
        "commit": checked_out,
        "engines": len({host.engine for host in chosen}),
        "hosts": [host.name for host in chosen],
        "cases": min(score.cases.values(), default=0),
        "streams": len(drawn),
        "streams_with_sequence_rules": score.streams,
        "records": min(score.judged.values()),
        "rejected": round(score.rejected / max(1, score.records), 3),
        "differences": differences,
        "differences_by_host": dict(score.differences),
        "mutation": what or None,
        "seed": options.seed,
        "seconds": round(time.monotonic() - began),
        "seconds_by_host": score.seconds,
    }
    if options.table:
        options.table.write_text(table(found))
    print(json.dumps(found))
    return 0 if ended else 1


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__.splitlines()[0])
    asked.add_argument("--streams", type=int, default=12, help="how many contracts with their streams")
    asked.add_argument("--records", type=int, default=100_000, help="how many records on each engine, at least")
    asked.add_argument("--seed", type=int, default=1, help="another seed, other contracts and records")
    asked.add_argument("--mutate", choices=[host.name for host in hosts()], help="judge by another contract there")
    asked.add_argument("--hosts", nargs="+", help="only these")
    asked.add_argument("--no-cases", action="store_true", help="streams only")
    asked.add_argument("--table", type=Path, help="write what came of it, as Markdown")
    return asked.parse_args()


def _drawn(options: Any, chosen: Sequence[Host], folder: Path) -> tuple[Case, ...]:
    """The streams; with sequence rules as many as engines can judge: half where all can, a few more where some can."""
    probe = streams.drawn(options.seed, 0, 10, history=True)
    able = {host.engine for host in chosen if not stage.refuses(host.engine, probe, folder)}
    everywhere = able == {host.engine for host in chosen}
    count = -(-options.records // options.streams)
    more = options.streams // 4 if len(able) > 1 and not everywhere else 0
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    rules = [number >= options.streams or (everywhere and number % 3 > 0) for number in range(options.streams + more)]
    return tuple(streams.drawn(options.seed, at, count, history=one, now=now) for at, one in enumerate(rules))


def _compare_cases(play: Play, score: Score) -> None:
    if not play.with_cases:
        return
    outcomes = {host.name: json.loads((play.folder / f"{host.name}.cases.json").read_text()) for host in play.hosts}
    first = outcomes[play.hosts[0].name]
    for host in play.hosts:
        told: dict[str, Outcome] = outcomes[host.name]
        score.cases[host.name] = len(told)
        for case in cases():
            if case.id in told:
                wrong = [Difference(line, ()) for line in unmet(case, told[case.id])]
                parts = {name: one for name, one in told[case.id].items() if name != "stops"}
                mine = {name: one for name, one in first[case.id].items() if name != "stops"}
                score.add(host, f"case {case.id}", [*wrong, *compared(mine, parts)])


def _compare_streams(play: Play, score: Score) -> None:
    for case in play.streams:
        players = [host for host in play.hosts if play.plays(host, case)]
        first = stage.found(play.file(players[0], case))
        records = first["records"].values()
        score.records += len(records)
        score.rejected += sum(one["verdict"] == "quarantined" for one in records)
        for host in players:
            there = first if host is players[0] else stage.found(play.file(host, case))
            score.judged[host.name] = score.judged.get(host.name, 0) + len(there["records"])
            sequence = '"sequence"' in case.texts[0] or "\nsequence:" in case.texts[0]
            score.streams[host.name] = score.streams.get(host.name, 0) + sequence
            score.add(host, f"stream {case.id}", compared(first, there))


if __name__ == "__main__":
    sys.exit(main())
