"""What may be said of access to a cluster, and what librdkafka is told of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stillwell.connectors.kafka.access import OWNED, Access, configuration, secrets
from tests.connectors.suite import place

PEM = "-----BEGIN PRIVATE KEY-----\nplanted-secret\n-----END PRIVATE KEY-----"


def keys(tmp_path, **options):
    return configuration(Access(**{"brokers": "b1:9093", **options}), place(tmp_path))


def test_files_are_named_from_the_pipeline_and_texts_are_taken_as_they_are(tmp_path):
    told = keys(tmp_path, tls={"ca": "ca.pem", "certificate": "/c.pem", "key": PEM, "password": "p"})
    assert told["security.protocol"] == "SSL"
    assert told["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert told["ssl.certificate.location"] == "/c.pem"
    assert told["ssl.key.pem"] == PEM
    assert told["ssl.key.password"] == "p"


@pytest.mark.parametrize("tls", [True, {}, {"ca": "ca.pem"}])
def test_hosts_are_verified_always(tls, tmp_path):
    told = keys(tmp_path, tls=tls, config={"ssl.cipher.suites": "ALL"})
    assert told["ssl.endpoint.identification.algorithm"] == "https"
    assert "enable.ssl.certificate.verification" not in told


def test_a_login(tmp_path):
    told = keys(tmp_path, tls=True, sasl={"user": "anna", "password": "p"})
    assert told["security.protocol"] == "SASL_SSL"
    assert told["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (told["sasl.username"], told["sasl.password"]) == ("anna", "p")


def test_brokers_in_one_text_or_as_a_list(tmp_path):
    for brokers in ("a:1, b:2", ["a:1", "b:2"]):
        assert keys(tmp_path, brokers=brokers)["bootstrap.servers"] == "a:1,b:2"


@pytest.mark.parametrize("address", ["localhost:1", "my_host-1.example.org:65535", "127.0.0.1:9092", "[::1]:9092"])
def test_addresses_are_host_and_port(address, tmp_path):
    assert keys(tmp_path, brokers=address)["bootstrap.servers"] == address


@pytest.mark.parametrize("key", [*(owned for owned in OWNED if not owned.endswith(".")), "ssl.ca.location", "error_cb"])
def test_keys_that_are_our_own_are_refused_with_the_reason(key):
    with pytest.raises(ValidationError, match=f"`{key}` cannot be set here: "):
        Access(brokers="b:1", config={key: "1"})


def test_others_are_taken_as_they_are(tmp_path):
    assert keys(tmp_path, config={"fetch.min.bytes": 5, "client.rack": "a"})["fetch.min.bytes"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"brokers": " "}, "no broker"),
        ({"brokers": "b"}, "`b` is no address"),
        ({"brokers": "b:1,c"}, "`c` is no address"),
        ({"brokers": ["b:1", "c:x"]}, "`c:x` is no address"),
        ({"brokers": "PLAINTEXT://b:1"}, "is no address"),
        ({"brokers": "b:1/t"}, "is no address"),
        ({"brokers": "b:0"}, "no port that can be"),
        ({"brokers": "b:65536"}, "no port that can be"),
        ({"brokers": "[::1]:106301"}, "no port that can be"),
        ({"tls": {"certificate": "c.pem"}}, "come together"),
        ({"tls": {"key": "k.pem"}}, "come together"),
        ({"sasl": {"mechanism": "plain", "user": "u", "password": "planted-secret"}}, "in clear"),
        ({"sasl": {"mechanism": "gssapi", "user": "u", "password": "planted-secret"}}, "scram"),
        ({"tls": {"ca": "c", "verify": False}}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        Access(**{"brokers": "b:1", **options})


def test_no_secret_is_shown():
    told = Access(
        brokers="b:1",
        tls={"certificate": "c", "key": PEM, "password": "planted-secret"},
        sasl={"user": "u", "password": "planted-secret"},
    )
    for shown in (repr(told), str(told), repr(told.tls), repr(told.sasl)):
        assert "planted" not in shown
    assert secrets(told) == (PEM, "planted-secret", "planted-secret")
