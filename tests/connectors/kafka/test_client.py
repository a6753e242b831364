"""Clients that are built with what the options say, or not at all."""

from __future__ import annotations

import logging

import pytest

from stillwell.connectors.kafka import client
from stillwell.connectors.kafka.access import Access
from stillwell.errors import ConnectorError
from tests.connectors.kafka.stage import count, create, numbers, opened, payloads, produce, read, source
from tests.connectors.suite import place
from tests.services import stranger

SECRET = "planted-secret"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(client, "PATIENCE", 1.5)


def test_who_is_let_in_reads(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(2))
    tls = {"ca": str(kafka.tls.ca)}
    own = {**tls, "certificate": str(kafka.tls.certificate), "key": str(kafka.tls.key)}
    texts = {"ca": kafka.tls.ca.read_text(), "key": kafka.tls.key.read_text(), "certificate": own["certificate"]}
    ways = [{"brokers": kafka.mtls_address, "tls": own}, {"brokers": kafka.mtls_address, "tls": texts}]
    for mechanism in ("scram-sha-256", "scram-sha-512", "plain"):
        sasl = {"mechanism": mechanism, "user": kafka.user, "password": kafka.password}
        ways.append({"brokers": kafka.scram_address, "tls": tls, "sasl": sasl})
    for options in ways:
        found = opened(kafka, topic, tmp_path, until="end", **options)
        assert payloads(read(found, count(2))) == numbers(2)
        found.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tls": {"ca": "nothing.pem"}}, "nothing.pem cannot be used as tls.ca: it cannot be opened"),
        ({"tls": {"certificate": "{certificate}", "key": "{other}"}}, "cannot be used as tls.key: key values mismatch"),
        ({"tls": {"certificate": "{certificate}", "key": "-----BEGIN planted-secret"}}, "The text cannot be used"),
        ({"tls": {"certificate": "{certificate}", "key": "{ca}", "password": SECRET}}, "password is missing or wrong"),
        ({"config": {"nonsense.key": SECRET}}, 'No such configuration property: "nonsense.key"'),
        ({"config": {"fetch.min.bytes": "many"}}, 'property "fetch.min.bytes"'),
    ],
)
def test_what_cannot_be_used_is_named(options, said, kafka, topic, tmp_path):
    files = {"{certificate}": kafka.tls.certificate, "{ca}": kafka.tls.ca, "{other}": stranger(tmp_path).key}
    if "tls" in options:
        told = {name: str(files.get(value, value)) for name, value in options["tls"].items()}
        options = {"tls": told, "brokers": kafka.mtls_address}
    with pytest.raises(ConnectorError, match=said) as caught:
        source(kafka, topic, tmp_path, **options).check()
    assert caught.value.problems[0].code == "bad-option"
    assert SECRET not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_what_librdkafka_says_goes_to_a_logger(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG, "stillwell.kafka")
    cluster = client.Cluster(Access(brokers="127.0.0.1:1"), place(tmp_path))
    with pytest.raises(ConnectorError):
        cluster.id()
    assert repr(cluster) == "Cluster(127.0.0.1:1)"
    assert "Connection refused" in caplog.text
    assert capfd.readouterr().err == ""
