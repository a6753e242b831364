"""Killed at random instants again and again, a pipeline ends with every record exactly once.

`STILLWELL_KILLS` says how often each kind of sink is killed: a few times by default, some hundred for torture.
`STILLWELL_SEED` says when.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.delivery.stage import DURABLE, KILLS, Forked, Stage, lines, timeless

SEED = int(os.environ.get("STILLWELL_SEED", "11"))
RECORDS = 1200
EPOCH = 70


def killed(stage, source, luck, most):
    """How many of `most` kills it took until a run came to its end, and how many of them met one in the middle."""
    kills = halfway = 0
    while kills < most:
        run = Forked(stage, source=source, epoch=EPOCH + luck.randrange(50), threads=1 + kills % 2)
        # At first the sinks are opened; then there is an epoch every few hundredths of a second.
        time.sleep(luck.uniform(0.05, 0.9))
        ended = not run.kill()
        places = stage.everywhere()
        assert len(set(places)) == len(places)
        if ended:
            return kills, halfway
        kills += 1
        halfway += 0 < len(places) < RECORDS
    assert Forked(stage, source=source, epoch=EPOCH).ended()["code"] == 0
    return kills, halfway


@pytest.mark.parametrize("kind", DURABLE)
def test_a_pipeline_killed_at_random_ends_with_every_record_exactly_once(kind, tmp_path):
    """From the generator rows are equal to the last byte; from a file up to the clock of their intent."""
    luck = random.Random(f"{kind} {SEED}")
    if kind in ("delta", "duckdb"):
        name, options = "generator", {"rows": RECORDS, "partitions": 2, "sensors": 10, "rate": 2000.0}
    else:
        (tmp_path / "in.jsonl").write_bytes(lines(RECORDS))
        name, options = "files", {"path": str(tmp_path / "in.jsonl")}
    whole = Stage(tmp_path)
    whole.run(whole.source(name, **options))
    kills = halfway = rounds = 0
    while kills < KILLS:
        rounds += 1
        stage = Stage(tmp_path / str(rounds), kind)
        stage.folder.mkdir()
        more, met = killed(stage, (name, options), luck, KILLS - kills)
        kills, halfway = kills + more, halfway + met
        for sink in ("accepted", "quarantine"):
            if name == "generator":
                assert stage.held(sink).to_pylist() == whole.held(sink).to_pylist()
            assert timeless(stage.held(sink)) == timeless(whole.held(sink))
        places = stage.everywhere()
        assert len(places) == len(set(places)) == RECORDS
        audited = stage.audit(stage.source(name, **options))
        assert audited.holds, audited
        assert audited.proved == RECORDS
    assert halfway or KILLS < 20
    print(f"{kind}: {kills} kills in {rounds} rounds, {halfway} of them met a run halfway")
