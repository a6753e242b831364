"""Card transactions: amounts that are no money and payments of nothing are caught, and all else is let through."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from tests.real.datasets import on_the_page, records


@pytest.fixture(scope="module")
def payments(paths):
    [path] = paths("card_transactions")
    return records(path)


@pytest.fixture(scope="module")
def found(verdict_on):
    return verdict_on("card_transactions")


def rule_broken(payment):
    """The rule about amounts that a payment breaks, or none."""
    amount = payment["TX_AMOUNT"]
    if not re.fullmatch(r"[0-9]+([.][0-9]{1,2})?", amount):
        return "amount.type"
    if Decimal(amount) <= 0:
        return "amount.range"
    return "amount.warn.range" if Decimal(amount) > 220 else None


def test_every_payment_has_one_verdict(payments, found):
    assert found.read == len(payments) == 288_062
    assert found.conserved
    assert on_the_page("card_transactions", found)
    assert sorted(found.offsets()) == list(range(len(payments)))


def test_only_amounts_break_rules(payments, found):
    expected = Counter(filter(None, map(rule_broken, payments)))
    assert found.tally.failures() == expected
    assert set(expected) == {"amount.type", "amount.range", "amount.warn.range"}


def test_amounts_that_arithmetic_on_doubles_left_behind_are_no_money(payments, found):
    assert {
        row: reasons[0]["seen"] for row, reasons in found.reasons().items() if reasons[0]["rule"] == "amount.type"
    } == {
        row: payment["TX_AMOUNT"] for row, payment in enumerate(payments) if len(payment["TX_AMOUNT"].split(".")[1]) > 2
    }


def test_accepted_amounts_are_exact(payments, found):
    good = [Decimal(one["TX_AMOUNT"]) for one in payments if rule_broken(one) in (None, "amount.warn.range")]
    assert found.accepted["amount"].to_pylist() == good


def test_a_payment_above_220_is_accepted_with_a_warning_and_is_a_fraud(payments, found):
    warned = [
        row["_stillwell"]["offset"]
        for row in found.accepted.select(["_stillwell"]).to_pylist()
        if row["_stillwell"]["warnings"]
    ]
    assert warned == [row for row, one in enumerate(payments) if rule_broken(one) == "amount.warn.range"]
    assert {payments[row]["TX_FRAUD"] for row in warned} == {"1"}


def test_the_real_sample_is_clean_but_for_payments_of_nothing(paths, verdict_on):
    [path] = paths("creditcard")
    payments, found = records(path), verdict_on("creditcard")
    nothing = sum(float(one["Amount"]) == 0 for one in payments)
    assert (found.read, len(found.accepted)) == (len(payments), len(payments)) == (2_000, 2_000)
    assert found.tally.failures() == {"some_money": nothing}
    assert on_the_page("creditcard", found)
    assert nothing
    components = [[float(one[f"V{number}"]) for one in payments] for number in range(1, 29)]
    assert [found.accepted[f"V{number}"].to_pylist() for number in range(1, 29)] == components
