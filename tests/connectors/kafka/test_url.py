"""A topic named in one line: its brokers, and whatever options follow the question mark."""

from __future__ import annotations

import pytest

from stillwell.connectors.kafka.url import url_options
from stillwell.errors import ConnectorError


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("kafka://b1:9092/t", {"brokers": "b1:9092", "topic": "t"}),
        ("kafka://b1:9092,b2:9093/t.u_v-w/", {"brokers": "b1:9092,b2:9093", "topic": "t.u_v-w"}),
        ("kafka://[::1]:9092/t", {"brokers": "[::1]:9092", "topic": "t"}),
        ("kafka://b:1/%5Esensor-.*", {"brokers": "b:1", "topic": "^sensor-.*"}),
        ("kafka://b:1/t?start=latest", {"brokers": "b:1", "topic": "t", "start": "latest"}),
        (
            "kafka://b:1/t?tls.ca=my%20ca.pem&sasl.user=u&sasl.password=${P}",
            {
                "brokers": "b:1",
                "topic": "t",
                "tls": {"ca": "my ca.pem"},
                "sasl": {"user": "u", "password": "${P}"},
            },
        ),
        (
            "kafka://b:1/t?config.fetch.min.bytes=1",
            {"brokers": "b:1", "topic": "t", "config": {"fetch.min.bytes": "1"}},
        ),
    ],
)
def test_what_a_url_says(url, options):
    assert url_options(url) == options


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kafka://b:9092", "names no topic"),
        ("kafka:///t", "names no topic"),
        ("kafka://b:9092/a/b", "names no topic"),
        ("kafka://b:9092/t#x", "names no topic"),
        ("kafka://b:9092/t?start", "are no options"),
        ("kafka://me:secret@b:9092/t", "A password in a URL"),
        ("kafka://b:9092/t?tls=x&tls.ca=y", "`tls` is told twice"),
        ("kafka://b:9092/t?start=latest&start=earliest", "`start` is told twice"),
    ],
)
def test_what_names_no_topic_is_one_error_without_a_secret(url, words):
    with pytest.raises(ConnectorError, match=words) as raised:
        url_options(url)
    [problem] = raised.value.problems
    assert problem.code == "bad-option"
    assert "secret" not in str(problem)
