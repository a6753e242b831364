"""What errors of the library mean to a sink."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.refusal import passing, refusing
from stillwell.delivery.retry import PASSING
from stillwell.errors import ConnectorError, Fenced, fail
from tests.connectors.suite import place

SECRET = "pa55-w0rd"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (KafkaError._FENCED, Fenced, "fenced"),
        (KafkaError.INVALID_PRODUCER_EPOCH, Fenced, "fenced"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ConnectorError, "refused"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ConnectorError, "refused"),
        (KafkaError.POLICY_VIOLATION, ConnectorError, "refused"),
        (KafkaError._TIMED_OUT, ConnectorError, "unreachable"),
        (KafkaError.NOT_LEADER_FOR_PARTITION, ConnectorError, "unreachable"),
    ],
)
def test_each_is_one_clear_error_and_hides_secrets(tmp_path, error, kind, code):
    sasl = {"user": "u", "password": SECRET}
    cluster = Cluster(Access(brokers="b:1", sasl=sasl), place(tmp_path))
    told = KafkaError(error, f"said {SECRET}.")
    with pytest.raises(kind) as caught, refusing(cluster, "Topic x"):
        raise KafkaException(told)
    (problem,) = caught.value.problems
    assert (problem.code, problem.what.startswith("Topic x: ")) == (code, True)
    assert SECRET not in str(problem)
    # What may pass is what a run tries again.
    assert passing(told) == (code in PASSING)


def test_who_knows_more_tells_it(tmp_path):
    cluster = Cluster(Access(brokers="b:1"), place(tmp_path))
    with (
        pytest.raises(ConnectorError, match="Too long"),
        refusing(cluster, "Topic x", lambda name: fail(ConnectorError, name, "Too long.", "Shorten it.")),
    ):
        raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
