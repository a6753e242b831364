"""The ledger beside a Kafka sink: who holds it, and what is kept of it."""

from __future__ import annotations

import pytest

from stillwell.connectors.kafka.ledger import KafkaLedger
from stillwell.errors import ConnectorError, Fenced
from tests.connectors.kafka import outside
from tests.connectors.suite import SCHEMA, intent


def test_it_serves_one_process(opened):
    assert not KafkaLedger.shared
    assert not opened().shared_ledger


def test_who_holds_it_is_fenced_by_who_takes_it(opened):
    first, second = opened().ledger(), opened().ledger()
    first.declare(intent(0, 5), "text")
    second.declare(intent(5, 9), "text")
    with pytest.raises(Fenced):
        first.declare(intent(5, 9), "text")
    with pytest.raises(Fenced):
        first.declare(intent(5, 7), "text")
    second.declare(intent(9, 12), "text")
    assert first.intents() == [intent(0, 5), intent(5, 9), intent(9, 12)]


def test_what_a_dead_holder_left_open_counts_for_nothing(opened, kafka, topic):
    ledger = opened().ledger()
    ledger.declare(intent(0, 5), "text")
    name = f"{topic}.ledger"
    dead = outside.open_transaction(kafka, name, (name, name.encode(), outside.messages(kafka, name)[0].value()))
    # Whoever held it before is fenced by that.
    with pytest.raises(Fenced):
        ledger.declare(intent(5, 9), "text")
    again = opened().ledger()
    dead.abort_transaction(10)
    again.declare(intent(5, 9), "text")
    assert again.intents() == [intent(0, 5), intent(5, 9)]


def test_intents_are_kept_for_ever_and_a_text_once(opened, kafka, topic):
    ledger = opened().ledger()
    ledger.declare(intent(0, 5), "a long text")
    ledger.declare(intent(5, 9), "a long text")
    settings = outside.settings(kafka, f"{topic}.ledger")
    assert [settings[name] for name in ("cleanup.policy", "retention.ms", "retention.bytes")] == ["delete", "-1", "-1"]
    texts = [b"a long text" in message.value() for message in outside.messages(kafka, f"{topic}.ledger")]
    assert texts == [True, False]


def test_it_is_not_made_without_leave(opened, kafka, topic):
    opened(SCHEMA)
    ledger = opened(SCHEMA, create=False).ledger()
    assert ledger.intents() == []
    with pytest.raises(ConnectorError, match=rf"no topic {topic}\.ledger"):
        ledger.declare(intent(0, 5), "text")


def test_what_is_no_line_of_a_ledger_is_one_clear_error(opened, kafka, topic):
    ledger = opened().ledger()
    ledger.declare(intent(0, 5), "text")
    outside.send(kafka, f"{topic}.ledger", b"hello")
    with pytest.raises(ConnectorError) as caught:
        ledger.intents()
    assert caught.value.problems[0].code == "sink-damaged"
