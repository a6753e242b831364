"""Any bytes at all get a verdict, the one that the reference gives, and come out as they went in."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import payloads, raw

JUDGES = {one.name: one for one in raw.judges()}


@pytest.fixture(scope="session")
def seeds(fuzz) -> list[bytes]:
    held = [json.loads(line) for line in (fuzz / "seeds" / "bytes.jsonl").read_text().splitlines()]
    return [bytes.fromhex(one["hex"]) if isinstance(one, dict) else one.encode() for one in held]


def differences(name: str, payloads_: list[bytes | None]) -> list[str]:
    return [str(one) for one in JUDGES[name].differences(payloads_)]


@pytest.mark.parametrize("name", JUDGES)
def test_the_committed_bytes_are_judged_as_the_reference_judges(name, seeds):
    assert not differences(name, seeds)


@pytest.mark.parametrize("name", JUDGES)
@settings(max_examples=6, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(draw=st.randoms(use_true_random=False), anything=st.lists(st.none() | st.binary(max_size=40), max_size=30))
def test_bytes_after_accidents_and_bytes_at_random_are_too(name, seeds, draw, anything):
    hurt = [payloads.damaged(draw, draw.choice(seeds)) for _ in range(150)]
    twice = [payloads.damaged(draw, one) for one in hurt if one]
    assert not differences(name, [*anything, *hurt, *twice])
