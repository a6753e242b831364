"""The folder ledger: one writer at a time has the next number, and a killed one leaves no trace."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from stillwell.delivery.folder_ledger import FolderLedger
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position, Slice
from stillwell.errors import ConnectorError, Fenced
from stillwell.kernel.digest import Facts


def intent(start, end, partition=0, contract="xxh3:abc/.."):
    facts = Facts(end - start, end - start, 0, 1, 1, 0, "", 0)
    part = Slice(partition, Position(start), Position(end), facts)
    return Intent("test", "source", (part,), contract, {}, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_intents_come_back_in_order_to_whoever_opens_it(tmp_path):
    told = [intent(number, number + 1) for number in range(12)]
    for one in told:
        FolderLedger(tmp_path / "x").declare(one, "the contract\n")
    ledger = FolderLedger(tmp_path / "x")
    assert ledger.intents() == told
    assert ledger.marks() == {"stillwell/test/source/0": 12}
    assert ledger.contract_text("xxh3:abc/..") == "the contract\n"
    assert len(list((tmp_path / "x" / "contracts").iterdir())) == 1


def test_of_writers_of_one_partition_one_wins_each_step_and_none_of_others_is_lost(tmp_path):
    def declare(partition):
        ledger, won = FolderLedger(tmp_path), 0
        for number in range(10):
            try:
                ledger.declare(intent(number, number + 1, partition), "")
                won += 1
            except Fenced:
                pass
        return won

    with ThreadPoolExecutor(4) as pool:
        wins = list(pool.map(declare, [0, 0, 1, 2]))
    assert wins[0] + wins[1] == wins[2] == wins[3] == 10
    assert len(FolderLedger(tmp_path).intents()) == 30


def test_reading_creates_nothing(tmp_path):
    ledger = FolderLedger(tmp_path / "x")
    assert (ledger.intents(), ledger.marks()) == ([], {})
    with pytest.raises(KeyError):
        ledger.contract_text("abc")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConnectorError) as caught:
        FolderLedger(tmp_path / "file").declare(intent(0, 1), "")
    assert caught.value.problems[0].code == "unwritable"
