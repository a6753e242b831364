"""A connection that fails says why, in one error and within seconds; no secret is ever shown, and nothing is on stderr."""

from __future__ import annotations

import json
import logging
import time
import traceback

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from stillwell.connectors.kafka import client
from stillwell.connectors.kafka.trouble import Trouble
from stillwell.errors import ConnectorError
from tests.connectors.kafka.stage import Peer, admin, create, source, steps
from tests.services import stranger

SECRET = "planted-s3cret"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(client, "PATIENCE", 1.5)


@pytest.fixture
def everything_shown(caplog, capfd):
    """All that anybody could have seen while a test ran, given the error that it met."""
    caplog.set_level(logging.DEBUG)

    def shown(error):
        problems = [json.dumps(one.as_dict()) for one in error.problems]
        seen = capfd.readouterr()
        trace = "".join(traceback.format_exception(error))
        return "\n".join([str(error), repr(error), trace, *problems, caplog.text, seen.out, seen.err]), seen.err

    return shown


def doors(kafka, folder):
    """Ways in that all fail, each with what must be said of it."""
    tls = {"ca": str(kafka.tls.ca)}
    own = {**tls, "certificate": str(kafka.tls.certificate), "key": str(kafka.tls.key)}
    other = stranger(folder)
    login = {"mechanism": "scram-sha-256", "user": kafka.user, "password": SECRET}
    return {
        "no certificate": ({"brokers": kafka.mtls_address, "tls": tls}, "it wants a client certificate"),
        "strange certificate": (
            {
                "brokers": kafka.mtls_address,
                "tls": {**tls, "certificate": str(other.certificate), "key": str(other.key)},
            },
            "does not accept our client certificate",
        ),
        "strange authority": (
            {"brokers": kafka.mtls_address, "tls": {**own, "ca": str(other.ca)}},
            "cannot be verified: (self-signed certificate|unable to get)",
        ),
        "system's authorities": ({"brokers": kafka.tls_address, "tls": True}, "cannot be verified: self-signed"),
        "another host": (
            {"brokers": kafka.tls_address.replace("127.0.0.1", "127.1"), "tls": tls},
            "cannot be verified: (Hostname|IP address) mismatch",
        ),
        "wrong password": (
            {"brokers": kafka.scram_address, "tls": tls, "sasl": login},
            f"does not accept this login: user `{kafka.user}` with the given password, by SCRAM-SHA-256",
        ),
        "no login": ({"brokers": kafka.scram_address, "tls": tls}, "wants a login"),
        "login where none is": (
            {"brokers": kafka.tls_address, "tls": tls, "sasl": login},
            "offers no login by SCRAM-SHA-256",
        ),
        "no TLS": ({"brokers": kafka.tls_address}, "speaks only TLS"),
        "TLS where none is": ({"brokers": kafka.address, "tls": tls}, "does not speak TLS"),
        "closed port": ({"brokers": "127.0.0.1:1"}, "Nothing listens"),
        "no such host": ({"brokers": "no-such-host.invalid:9092"}, "no host of this name"),
    }


@pytest.mark.parametrize(
    "door",
    [
        "no certificate",
        "strange certificate",
        "strange authority",
        "system's authorities",
        "another host",
        "wrong password",
        "no login",
        "login where none is",
        "no TLS",
        "TLS where none is",
        "closed port",
        "no such host",
    ],
)
def test_who_is_refused_is_told_why(door, kafka, topic, tmp_path, everything_shown):
    options, said = doors(kafka, tmp_path)[door]
    began = time.monotonic()
    with pytest.raises(ConnectorError, match=said) as caught:
        source(kafka, topic, tmp_path, **options).check()
    assert time.monotonic() - began < 4
    (problem,) = caught.value.problems
    assert problem.code == "refused"
    assert problem.what.startswith(f"Broker {options['brokers']}, after ")
    shown, errors = everything_shown(caught.value)
    assert SECRET not in shown
    assert errors == ""


def denied(kafka, kind, name):
    """Close something of this name to the lab's user; the options with which that user comes."""
    rule = AclBinding(
        kind, name, ResourcePatternType.LITERAL, f"User:{kafka.user}", "*", AclOperation.ALL, AclPermissionType.DENY
    )
    for one in admin(kafka).create_acls([rule]).values():
        one.result()
    sasl = {"mechanism": "scram-sha-256", "user": kafka.user, "password": kafka.password}
    return {"brokers": kafka.scram_address, "tls": {"ca": str(kafka.tls.ca)}, "sasl": sasl}


def test_who_may_not_use_a_group_is_told_which(kafka, topic, tmp_path):
    create(kafka, topic)
    peer = Peer(kafka, topic, tmp_path, {}, **denied(kafka, ResourceType.GROUP, topic))
    with pytest.raises(ConnectorError) as caught:
        steps([peer], lambda: False)
    peer.source.close()
    (problem,) = caught.value.problems
    assert f"group {topic}: " in problem.what
    assert "right to describe and read it" in problem.fix


def test_who_may_not_see_a_topic_is_told_so(kafka, topic, tmp_path, everything_shown):
    create(kafka, topic)
    options = denied(kafka, ResourceType.TOPIC, topic)

    def check_for_a_while():
        # The rule is on its way.
        for _ in range(50):
            source(kafka, topic, tmp_path, **options).check()
            time.sleep(0.1)

    with pytest.raises(ConnectorError) as caught:
        check_for_a_while()
    (problem,) = caught.value.problems
    assert problem.code == "refused"
    assert "Topic authorization failed" in problem.what
    assert "right to describe" in problem.fix
    assert kafka.password not in everything_shown(caught.value)[0]


def test_that_all_brokers_are_away_is_said_once_in_a_while_and_only_of_a_source_that_reads(caplog):
    class Down:
        def name(self):
            return "_ALL_BROKERS_DOWN"

        def str(self):
            return "1/1 brokers are down"

    trouble = Trouble((), {"bootstrap.servers": "b:1"})
    trouble.error(Down())
    assert not caplog.messages
    trouble.running = True
    trouble.error(Down())
    trouble.error(Down())
    assert caplog.messages == ["None of the brokers b:1 answers; reading goes on when one does."]
