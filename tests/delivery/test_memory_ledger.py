"""The ledger in memory holds what every ledger holds, between threads too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from stillwell.delivery.memory_ledger import MemoryLedger
from stillwell.errors import Fenced
from tests.delivery.test_folder_ledger import intent


def test_it_keeps_intents_in_order_with_marks_and_the_first_text_of_each_contract():
    ledger = MemoryLedger()
    told = [intent(0, 4), intent(4, 9), intent(0, 2, partition=1)]
    for number, one in enumerate(told):
        ledger.declare(one, f"text {number}")
    assert ledger.intents() == told
    assert ledger.marks() == {"stillwell/test/source/0": 9, "stillwell/test/source/1": 2}
    assert ledger.contract_text(told[0].contract) == "text 0"
    with pytest.raises(KeyError):
        ledger.contract_text("another")


def test_an_intent_that_starts_elsewhere_is_fenced_and_leaves_no_trace():
    ledger = MemoryLedger()
    ledger.declare(intent(0, 4), "")
    for wrong in (intent(0, 4), intent(5, 6)):
        with pytest.raises(Fenced):
            ledger.declare(wrong, "")
    assert ledger.intents() == [intent(0, 4)]


def test_of_threads_that_declare_the_same_one_wins():
    ledger = MemoryLedger()

    def won(_thread):
        wins = 0
        for number in range(200):
            try:
                ledger.declare(intent(number, number + 1), "")
                wins += 1
            except Fenced:
                pass
        return wins

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(won, range(4))) == len(ledger.intents()) == 200
