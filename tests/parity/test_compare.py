"""What compares engines sees every difference, and none where there is none; by outcomes of the embedded engine alone."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from stillwell.contract.load import parse
from stillwell.engines.base import EpochLimits
from stillwell.engines.embedded import Engine, EngineOptions
from stillwell.kernel.tally import COUNTS
from tests.cases.case import Case
from tests.cases.outcome import Outcome
from tests.cases.play import played
from tests.parity import streams
from tests.parity.compare import compared, exactly
from tests.parity.mutation import mutated

COUNT = 400


def judged(case: Case, folder, **limits: int) -> Outcome:
    found = played(case, Engine(EngineOptions(threads=1)), folder, EpochLimits(**limits))
    return {name: found[name] for name in ("records", "ledger", "tally")}


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    return [streams.drawn(3, number, COUNT, history=number % 2 == 0) for number in range(4)]


def test_half_of_them_have_rules_over_history(drawn) -> None:
    assert [bool(parse(case.texts[0]).sequence) for case in drawn] == [True, False, True, False]


@pytest.mark.parametrize("number", range(4))
def test_the_cut_of_epochs_is_no_difference(number, drawn, tmp_path) -> None:
    case = drawn[number]
    whole = judged(case, tmp_path / "whole")
    assert not compared(whole, judged(case, tmp_path / "parts", records=70))
    verdicts = [one["verdict"] for one in whole["records"].values()]
    assert len(verdicts) == COUNT
    assert verdicts.count("quarantined") > 0


def test_a_mutation_of_a_contract_is_seen_in_records_ledger_and_tally(drawn, tmp_path) -> None:
    name, text, what = mutated(drawn, 3)
    case = next(case for case in drawn if case.id == name)
    found = compared(
        judged(case, tmp_path / "as it is"), judged(replace(case, texts=(text,)), tmp_path / "as it is not")
    )
    assert {one.place.split()[0] for one in found} == {"records", "ledger", "tally"}, what


CHANGES = {
    "a record is lost": (lambda found: found["records"].popitem(), "records"),
    "a zero has another sign": (lambda found: found["records"]["0:0"].update(share=-0.0), "records"),
    "a last digit is another": (lambda found: found["records"]["0:1"].update(share=0.30000000000000004), "records"),
    "a checksum is another": (lambda found: found["ledger"]["0"].update(payload_quarantined=1), "ledger"),
    "a partition is lost": (lambda found: found["ledger"].pop("0"), "ledger"),
    "a count is another": (lambda found: found["tally"].update(read=1), "tally"),
    "a mean is off": (lambda found: found["tally"]["fields"]["f"].update(mean=1.5 + 1e-7), "tally"),
}
PLAIN: Outcome = {
    "records": {f"0:{at}": {"verdict": "accepted", "share": share} for at, share in enumerate((0.0, 0.3, None))},
    "ledger": {"0": {"read": 3, "payload_quarantined": 0}},
    "tally": {"read": 3, "fields": {"f": {"mean": 1.5}}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_one_difference_at_its_place(name) -> None:
    change, part = CHANGES[name]
    other = copy.deepcopy(PLAIN)
    change(other)
    assert [one.place.split()[0] for one in compared(PLAIN, other)] == [part]
    assert [one.place.split()[0] for one in compared(other, PLAIN)] == [part]


def test_sums_of_doubles_may_differ_by_a_billionth() -> None:
    other = copy.deepcopy(PLAIN)
    other["tally"]["fields"]["f"]["mean"] = 1.5 * (1 + 1e-10)
    assert not compared(PLAIN, other)


def test_counts_are_compared_by_window(drawn) -> None:
    tally = streams.judged(drawn[0]).tally
    found = exactly(tally)
    windows = [one for name, one in found.items() if name.startswith("window")]
    assert len(windows) == len(tally.cells) > 1
    assert {name: sum(one[name] for one in windows) for name in COUNTS} == {name: tally.count(name) for name in COUNTS}
    assert sum(found["field temperature"]["histogram"].values()) <= COUNT
