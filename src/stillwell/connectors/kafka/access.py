"""What source and sink say alike to reach a cluster: brokers, TLS, login, and further keys of librdkafka."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from stillwell.connectors.base import Options, Place
from stillwell.errors import BadOption

OWNED: Mapping[str, str] = {
    "bootstrap.servers": "write `brokers`",
    "metadata.broker.list": "write `brokers`",
    "security.protocol": "it follows from `tls` and `sasl`",
    "enable.ssl.certificate.verification": "a broker is always verified",
    "ssl.": "write `tls`",
    "sasl.": "write `sasl`",
    "enable.sasl.": "write `sasl`",
    "group.id": "write `group`",
    "group.": "members of a group share partitions in one way, which delivery relies on",
    "partition.assignment.strategy": "members of a group share partitions in one way, which delivery relies on",
    "auto.offset.reset": "write `start`",
    "auto.commit.": "what was read is known by the marks of the sinks",
    "offset.store.": "what was read is known by the marks of the sinks",
    "enable.auto.": "what was read is known by the marks of the sinks",
    "enable.partition.eof": "the source needs it to know where a partition ends",
    "isolation.level": "write `isolation`",
    "transaction": "the sink's marks live in its transactions",
    "enable.idempotence": "the sink is idempotent always",
    "acks": "the sink waits for all replicas always",
    "request.required.acks": "the sink waits for all replicas always",
    "plugin.library.paths": "it loads code",
    "log": "its messages go to the logger `stillwell.kafka`",
    "opaque": "it means nothing in a file",
}
"""Keys of librdkafka, or beginnings of keys, that are not taken from `config`, and why."""

ALLOWED = frozenset({"ssl.cipher.suites", "ssl.curves.list", "ssl.sigalgs.list", "group.instance.id"})

PEM = "-----BEGIN"

_ADDRESS = re.compile(r"(?:[\w.-]+|\[[^\[\]\s/@]+\]):(?P<port>[0-9]+)")
_PORTS = range(1, 1 << 16)


class Tls(Options):
    """PEM files, or their text: `ca` that signed the brokers (the system's if absent); our own `certificate` and `key`.

    `password` is that of an encrypted key.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = Field(None, repr=False)
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise BadOption("certificate and key come together", "Name both; they may be one file.")
        return self


class Sasl(Options):
    """A login by user and password."""

    mechanism: Literal["scram-sha-512", "scram-sha-256", "plain"] = "scram-sha-512"
    user: str
    password: SecretStr


class Access(Options):
    """`brokers`: host:port, several with commas or as a list. `tls: true` trusts the authorities that the system does.

    `config` takes other keys of librdkafka, as they are.
    """

    brokers: str | list[str]
    tls: Tls | Literal[True] | None = None
    sasl: Sasl | None = None
    config: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("brokers")
    @classmethod
    def _some(cls, brokers: str | list[str]) -> str | list[str]:
        if not addresses(brokers):
            raise BadOption("no broker is named", "Name at least one, as host:port.")
        for one in addresses(brokers):
            found = _ADDRESS.fullmatch(one)
            if not found:
                raise BadOption(f"`{one}` is no address of a broker", "Write host:port, such as broker1:9092.")
            # The client would take the port modulo 65,536, and so knock at another door.
            if len(found["port"]) > 5 or int(found["port"]) not in _PORTS:
                raise BadOption(f"`{one}` has no port that can be", "Ports go from 1 to 65535.")
        return brokers

    @field_validator("config")
    @classmethod
    def _free(cls, config: dict[str, Any]) -> dict[str, Any]:
        for key in config:
            why = _owner(key)
            if why:
                raise BadOption(f"`{key}` cannot be set here: {why}", f"Take `{key}` out of `config`.")
        return config

    @model_validator(mode="after")
    def _never_in_clear(self) -> Access:
        if self.sasl and self.sasl.mechanism == "plain" and not self.tls:
            raise BadOption("sasl `plain` would send the password in clear", "Set `tls`, or use scram-sha-512.")
        return self


def addresses(brokers: str | list[str]) -> list[str]:
    """The brokers, one by one."""
    told = brokers.split(",") if isinstance(brokers, str) else brokers
    return [one.strip() for one in told if one.strip()]


def _owner(key: str) -> str | None:
    """Why a key is not taken; None for one that is."""
    if key in ALLOWED:
        return None
    if key.endswith(("_cb", ".cb")):
        return "it is a function"
    return next((why for owned, why in OWNED.items() if key == owned or key.startswith(owned)), None)


def configuration(access: Access, place: Place) -> dict[str, Any]:
    """The keys of librdkafka by which every client of a source or sink begins. Holds secrets: not to be shown."""
    tls, sasl = access.tls, access.sasl
    protocol = ("SASL_" if sasl else "") + ("SSL" if tls else "PLAINTEXT")
    keys: dict[str, Any] = {
        "client.id": f"stillwell-{place.pipeline}",
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2000,
        "socket.keepalive.enable": True,
        "allow.auto.create.topics": False,
        **access.config,
        "bootstrap.servers": ",".join(addresses(access.brokers)),
        "security.protocol": protocol,
    }
    if tls:
        keys["ssl.endpoint.identification.algorithm"] = "https"
    if isinstance(tls, Tls):
        for name, told in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
            if told is not None:
                pem = told.lstrip().startswith(PEM)
                keys[f"ssl.{name}.{'pem' if pem else 'location'}"] = told if pem else str(place.path(told))
        if tls.password:
            keys["ssl.key.password"] = tls.password.get_secret_value()
    if sasl:
        keys["sasl.mechanism"] = sasl.mechanism.upper()
        keys["sasl.username"] = sasl.user
        keys["sasl.password"] = sasl.password.get_secret_value()
    return keys


def secrets(access: Access) -> tuple[str, ...]:
    """The texts of an access that nobody may see."""
    tls = access.tls if isinstance(access.tls, Tls) else None
    key = tls.key if tls and tls.key and tls.key.lstrip().startswith(PEM) else ""
    passwords = (tls.password if tls else None, access.sasl.password if access.sasl else None)
    return tuple(text for text in (key, *(one.get_secret_value() for one in passwords if one)) if text)
