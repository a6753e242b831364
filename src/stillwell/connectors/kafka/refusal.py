"""What an error of the library means to a sink: fenced, refused for good, or to be tried again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.errors import ConnectorError, Fenced, StillwellError, fail

FENCED = frozenset({"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"})
TOO_LARGE = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"})
_FINAL = TOO_LARGE | {
    "INVALID_CONFIG",
    "INVALID_PARTITIONS",
    "INVALID_RECORD",
    "INVALID_REPLICATION_FACTOR",
    "INVALID_TRANSACTION_TIMEOUT",
    "POLICY_VIOLATION",
    "UNSUPPORTED_VERSION",
}

Explain = Callable[[str], StillwellError | None]
"""The error for the name of one of the library's, where somebody knows more than the brokers say."""


def passing(told: Any) -> bool:
    """Whether a `KafkaError` may be gone the next time."""
    return told.name() not in FENCED | _FINAL and "AUTHORIZATION" not in told.name()


def refusal(cluster: Cluster, what: str, told: Any) -> StillwellError:
    """The error to raise for a `KafkaError`: `Fenced`, or a ConnectorError of code `refused` or `unreachable`."""
    text = cluster.trouble.mask(told.str()).rstrip(".")
    if told.name() in FENCED:
        return fail(
            Fenced,
            "fenced",
            f"{what}: another writer took over, or we stood still for longer than a transaction may take.",
            "See that only one run of this pipeline writes here, then start again: it goes on from the mark.",
        )
    if "AUTHORIZATION" in told.name():
        return fail(
            ConnectorError,
            "refused",
            f"{what}: {text}.",
            "Give this user the right to read, write and describe the topics of this sink, to create them if they are "
            "missing, and to use transactional ids that begin with their names.",
        )
    if not passing(told):
        fix = "Correct the options of the sink, or the settings of its topics."
        return fail(ConnectorError, "refused", f"{what}: {text}.", fix)
    newest = next((f" Broker {broker}: {line.rstrip('.')}." for broker, line in cluster.trouble.told()), "")
    fix = "See that the brokers run and can be reached, then start again: it goes on from the mark."
    return fail(ConnectorError, "unreachable", f"{what}: {text}.{newest}", fix)


@contextlib.contextmanager
def refusing(cluster: Cluster, what: str, explain: Explain = lambda _: None) -> Iterator[None]:
    """Turn what the library raises inside into the error that a person can read."""
    try:
        yield
    except library().KafkaException as error:
        told = error.args[0]
        raise explain(told.name()) or refusal(cluster, what, told) from None
