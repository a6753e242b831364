"""Contracts and batches drawn at random: the kernel says what the reference says, loses nothing, however a batch is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import cases, streams

SHORT = settings(
    max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
"""What runs on every change; `make fuzz` runs for long."""


@SHORT
@given(st.randoms(use_true_random=False), st.integers(0, 2**32))
def test_any_contract_judges_any_batch_as_the_reference_does(draw, seed):
    fill = random.Random(seed)
    case = cases.grown(draw, 40, fill=fill)
    said = cases.judged(case)
    assert not cases.problems(case, said)
    new = [str(one) for one in cases.differences(case, said)]
    assert not new, new[0]
    assert not list(streams.unequal(case, said, fill))


@pytest.mark.parametrize("seed", ["threads/1"])
def test_threads_change_nothing_for_drawn_cases(seed):
    assert streams.threaded(cases.drawn(seed, 100))


def test_drawing_is_the_same_every_time_and_meets_every_verdict():
    one, again = (cases.drawn("again", 200) for _ in range(2))
    assert (one.spec, one.form, one.table.equals(again.table)) == (again.spec, again.form, True)
    verdicts = [set(cases.judged(cases.drawn(f"again/{number}", 60)).verdicts.to_pylist()) for number in range(8)]
    assert set.union(*verdicts) == {0, 1, 2}


def test_cases_survive_being_written_to_a_file():
    for number in range(20):
        case = cases.drawn(f"file/{number}", 20)
        read = cases.from_json(case.name, cases.to_json(case))
        assert (read.spec, read.form, read.table.schema) == (case.spec, case.form, case.table.schema)
        assert repr(read.table.to_pylist()) == repr(case.table.to_pylist())


def test_each_case_of_the_corpus_is_judged_as_the_reference_does(corpus):
    assert corpus
    for name, case in corpus.items():
        said = cases.judged(case)
        assert not cases.problems(case, said), name
        assert not [str(one) for one in cases.differences(case, said)], name
