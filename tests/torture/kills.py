"""Kills pipelines, at steps and at random instants, in rounds; each ends with a witness and an audit."""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.ground import Ground, Running, all_ended, wait

STEPS = (
    "read",
    "judged",
    "before ledger",
    "after ledger",
    "before quarantine",
    "after quarantine",
    "before accepted",
    "after accepted",
    "committed",
    "read again",
    "judged again",
)
"""Where a run can be told to die; the last two are of recovery."""

RANDOM = "at random"
LEFT_OPEN = ("after ledger", "before quarantine", "after quarantine", "before accepted")
"""Steps after which an intent waits to be finished."""

AGAIN = ("read again", "judged again")

ROUND = 10
"""Kills of one topic and its tables."""

TRIES = 10


@dataclass(frozen=True)
class Kind:
    """What a round is of."""

    accepted: str = "delta"
    quarantine: str = "delta"
    group: bool = False

    def __str__(self) -> str:
        names = {"delta": "Delta", "kafka": "Kafka"}
        source = "two members" if self.group else "one process"
        letters = "dead letters" if self.quarantine == "kafka" else "Delta"
        return f"{source}, {names[self.accepted]} and {letters}"


ALONE = (Kind(), Kind(quarantine="kafka"), Kind("kafka", "kafka"))
SHARED = (Kind(group=True), Kind(quarantine="kafka", group=True))


@dataclass
class Score:
    """What came of it."""

    kills_by_step: Counter[str] = field(default_factory=Counter)
    kills_by_kind: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    audits: int = 0
    audits_failed: int = 0
    records: int = 0
    uncounted: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.kills_by_step.values())

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.altered or self.audits_failed or self.failures)


def due(kills: int, luck: random.Random) -> list[str]:
    """The steps to die at: each equally often and at least twice, and two fifths at random instants."""
    each = max(2, int(kills * 0.6) // len(STEPS))
    steps = [step for step in STEPS for _ in range(each)]
    steps += [RANDOM] * max(2, kills - len(steps))
    luck.shuffle(steps)
    return steps


def rounds(steps: list[str]) -> Iterator[tuple[Kind, list[str]]]:
    """Rounds of about ten kills, a third of them in groups: only there offsets are committed.

    A death in recovery comes after one that left something to recover, and not in a group, where others would do that.
    """
    again = [step for step in steps if step in AGAIN]
    before = [step for step in steps if step in LEFT_OPEN][: len(again)]
    pairs = [list(pair) for pair in zip(before, again, strict=True)]
    shared = [[step] for step in steps if step == "committed"]
    alone = []
    for step in steps:
        if step in before:
            before.remove(step)
        elif step not in (*AGAIN, "committed"):
            (shared if 3 * len(shared) < len(steps) else alone).append([step])
    for kinds, found in ((SHARED, shared), (ALONE, pairs + alone)):
        count = max(len(kinds), -(-sum(map(len, found)) // ROUND))
        for number in range(count):
            yield kinds[number % len(kinds)], [step for one in found[number::count] for step in one]


class Torture:
    """Kills until everything that is due was counted."""

    def __init__(self, kafka: Any, folder: Path, seed: int) -> None:
        self._kafka, self._folder = kafka, folder
        self._luck = random.Random(seed)
        self._seed = seed
        self.score = Score()
        self._rounds = 0

    def run(self, kills: int) -> Score:
        """Kill so many times, and look what came of it."""
        for kind, steps in rounds(due(kills, self._luck)):
            try:
                self.round(kind, steps)
            except AssertionError as error:
                self.score.failures.append(f"round {self._rounds}, {kind}: {error}")
                self._say(self.score.failures[-1])
        return self.score

    def round(self, kind: Kind, steps: list[str]) -> None:
        """One topic and its tables: these deaths, then a run to the end, the witness and the audit."""
        self._rounds += 1
        began, name = time.monotonic(), f"torture-{self._seed}-{self._rounds}"
        ground = Ground(
            self._kafka,
            self._folder / name,
            name,
            accepted=kind.accepted,
            quarantine=kind.quarantine,
            group=kind.group,
            config={"session.timeout.ms": 1500, "heartbeat.interval.ms": 300},
            seed=self._seed + self._rounds,
        )
        (self._shared if kind.group else self._alone)(ground, kind, steps)
        if not kind.group:
            ground.last()
        seen, told = ground.witness.look(), ground.audit()
        score = self.score
        score.lost += len(seen.lost)
        score.doubled += len(seen.doubled)
        score.altered += len(seen.altered)
        score.records += len(seen.source)
        score.audits += 1
        good = told["code"] == 0 and told.get("proved") == len(seen.source) == ground.produced
        score.audits_failed += not good
        self._say(f"round {self._rounds}, {kind}: {', '.join(steps)}: {time.monotonic() - began:.0f} s")
        if good and seen.whole:
            shutil.rmtree(ground.folder)
        else:
            self._say(f"  IN {ground.folder}: lost {seen.lost[:9]} doubled {seen.doubled[:9]} audit {told}")

    def _alone(self, ground: Ground, kind: Kind, steps: list[str]) -> None:
        for step in steps:
            self._until_counted(ground, kind, step)

    def _shared(self, ground: Ground, kind: Kind, steps: list[str]) -> None:
        """One member is killed again and again, beside another that lives."""
        other = ground.run()
        with all_ended(other):
            for step in steps:
                self._until_counted(ground, kind, step)
                assert other.alive, other.told()
            wait(ground.everything, told=other.told)
            other.end()

    def _until_counted(self, ground: Ground, kind: Kind, step: str) -> None:
        for _ in range(TRIES):
            if self._counted(ground, kind, step):
                return
            self.score.uncounted += 1
        raise AssertionError(f"no kill {step} met an open epoch, of {TRIES}")

    def _counted(self, ground: Ground, kind: Kind, step: str) -> bool:
        """Kill one run; whether that met an open epoch."""
        plain = step == RANDOM and not kind.group
        nth = self._luck.randint(1, 3) if step not in AGAIN else 1
        fuse = {} if step == RANDOM else {"step": step, "nth": nth}
        run = ground.run() if plain else ground.fused(**fuse)
        with all_ended(run):
            if step == RANDOM:
                self._at_random(ground, kind, run)
            else:
                self._at_step(ground, kind, run)
            # One that still lives was to die in a recovery, and had nothing to recover.
            died = run.kill()
            assert died, run.told()
            counted = (
                bool(ground.witness.unfinished()) if plain else run.note["open"] and step in (RANDOM, run.note["step"])
            )
        if counted:
            self.score.kills_by_step[step] += 1
            self.score.kills_by_kind[str(kind)] += 1
        return counted

    def _at_step(self, ground: Ground, kind: Kind, run: Running) -> None:
        """Wait until it dies, with enough to do."""
        ground.produce(400)
        until = time.monotonic() + 30
        while run.alive and time.monotonic() < until:
            # In a group the other member eats up what is there.
            if run.note["step"] or kind.group:
                ground.produce(40)
            time.sleep(0.2)

    def _at_random(self, ground: Ground, kind: Kind, run: Running) -> None:
        """Kill it while it flows."""
        ground.produce(600)
        until = time.monotonic() + 30
        while run.alive and time.monotonic() < until and not run.said("epoch"):
            if kind.group:
                ground.produce(50)
            time.sleep(0.1)
        if kind.group:
            ground.produce(200)
        time.sleep(self._luck.uniform(0, 0.4))

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def told(score: Score, **more: Any) -> Mapping[str, Any]:
    """The score as one object."""
    return {
        "kills": score.kills,
        "kills_by_step": {step: score.kills_by_step[step] for step in (*STEPS, RANDOM)},
        "lost": score.lost,
        "doubled": score.doubled,
        "audits_failed": score.audits_failed,
        "altered": score.altered,
        "audits": score.audits,
        "records": score.records,
        "failures": score.failures,
        **more,
    }
