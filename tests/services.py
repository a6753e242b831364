"""Real services for tests, each started once per run, at its first use.

A test asks for the fixture `kafka`. All tests that do are of one group, so that with several workers one of them has the
broker. Without Java or Maven they are skipped, which says why; where `CI` is set they fail.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from stillwell import lab
from stillwell.errors import StillwellError
from stillwell.lab._certificates import Authority, Tls
from stillwell.lab.kafka import Service as Kafka

_MISSING = {"missing-java", "missing-maven", "missing-extra"}

GROUPED = {"kafka"}
"""Fixtures; the tests that use one are a group of its name."""


def group(items: list[pytest.Item]) -> None:
    """Put the tests that use a service into one group, which one worker runs."""
    for item in items:
        for name in GROUPED.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with all listeners, for the whole run: leave it as you found it, and name topics of your own."""
    with running("kafka", tmp_path_factory.mktemp("kafka"), tls=True) as service:
        yield service


@pytest.fixture
def topic() -> str:
    """The name of a topic that nobody else uses; it is not created."""
    return f"t-{uuid.uuid4().hex[:12]}"


def running(name: str, folder: Path, **options: Any) -> AbstractContextManager[Any]:
    """`lab.up`, or the end of the test where something that it needs is not installed."""
    needed(lab.service(name).fetch)
    return lab.up(name, folder=folder, **options)


def needed(call: Callable[[], object]) -> None:
    """Call this; the test ends where something is not installed that it needs: skipped, or failed where `CI` is set."""
    try:
        call()
    except StillwellError as error:
        if error.problems[0].code not in _MISSING:
            raise
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(error.problems[0].what)


def stranger(folder: Path) -> Tls:
    """A certificate and key that are sound, by an authority that no service of the lab knows."""
    return Authority(folder, "Somebody else").sign("stranger")


def client(service: Kafka, role: str = "plain") -> dict[str, str]:
    """What librdkafka needs to come in by one of the doors: `plain`, `tls`, `mtls`, `scram`."""
    options = {"bootstrap.servers": service.addresses[role]}
    if role != "plain":
        options |= {"security.protocol": "SSL", "ssl.ca.location": str(service.tls.ca)}
    if role == "mtls":
        options |= {
            "ssl.certificate.location": str(service.tls.certificate),
            "ssl.key.location": str(service.tls.key),
        }
    if role == "scram":
        options |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256"}
        options |= {"sasl.username": service.user, "sasl.password": service.password}
    return options
