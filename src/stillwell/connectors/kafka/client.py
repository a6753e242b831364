"""Clients of one cluster: built with what its options say, quiet, and with one clear error where it refuses us."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from stillwell._need import need
from stillwell.connectors.base import Place
from stillwell.connectors.kafka.access import Access, configuration, secrets
from stillwell.connectors.kafka.trouble import Trouble
from stillwell.errors import ConnectorError, StillwellError, fail

PATIENCE = 4.0
"""Seconds that a cluster has to answer before it counts as refusing us."""

_CERTAIN = 1.0
_STEP = 0.25
_WHY = {
    "PEM lib": "it is no key, or its password is missing or wrong",
    "BIO lib": "it cannot be opened",
    "system lib": "it cannot be opened",
}


def library(part: str = "") -> ModuleType:
    """The client library (or `admin` of it), or an error that says how to install it."""
    return need(f"confluent_kafka{'.' + part if part else ''}", who="Kafka", extra="kafka")


class Cluster:
    """The way to one cluster. `trouble` has what its clients met."""

    def __init__(self, access: Access, place: Place) -> None:
        self._keys = configuration(access, place)
        self.brokers = str(self._keys["bootstrap.servers"])
        self.trouble = Trouble(secrets(access), self._keys)
        self._admin: Any = None

    def __repr__(self) -> str:
        return f"Cluster({self.brokers})"

    def consumer(self, keys: Mapping[str, Any]) -> Any:
        """A consumer with these further keys, which win over those of `config`."""
        return self._client(library().Consumer, keys)

    def producer(self, keys: Mapping[str, Any]) -> Any:
        """A producer with these further keys, which win over those of `config`."""
        return self._client(library().Producer, keys)

    def admin(self) -> Any:
        """The admin client, one for all uses."""
        if self._admin is None:
            self._admin = self._client(library("admin").AdminClient, {})
        return self._admin

    def _client(self, kind: Callable[..., Any], keys: Mapping[str, Any]) -> Any:
        exceptions = (library().KafkaException, TypeError, ValueError)
        try:
            return kind({**self._keys, **keys, "error_cb": self.trouble.error}, logger=self.trouble.logger)
        except exceptions as error:
            raise self._misconfigured(str(error)) from None

    def _misconfigured(self, said: str) -> StillwellError:
        """The error for keys that librdkafka does not take."""
        text = self.trouble.mask(said)
        found = re.search(r'str="(.*)"\}$', text, re.DOTALL)
        text = (found[1] if found else text).replace("Failed to create admin client: ", "")
        file = re.match(r"ssl\.(ca|certificate|key)\.(location|pem) failed: (?:error:\w+:)?(.*)", text)
        if not file:
            return fail(
                ConnectorError, "bad-option", f"{text.rstrip('.')}.", "Correct `config`, which takes librdkafka's keys."
            )
        name, form, why = file.groups()
        shown = f"File {self._keys[f'ssl.{name}.location']}" if form == "location" else "The text"
        fix = {
            "ca": "Name a file of certificates in PEM.",
            "certificate": "Name a file with the client's certificate in PEM.",
            "key": "Name the certificate's own key in PEM; that of an encrypted one goes into tls.password.",
        }[name]
        return fail(
            ConnectorError,
            "bad-option",
            f"{shown} cannot be used as tls.{name}: {_WHY.get(why.split('::')[-1], why.split('::')[-1])}.",
            fix,
        )

    def id(self) -> str:
        """The id of the cluster; the first call that connects.

        Raises:
            ConnectorError: code `refused`, within a few seconds.
        """
        began = time.monotonic()
        self.trouble.forget()
        admin = self.admin()
        while True:
            try:
                return str(admin.cluster_id(timeout=_STEP))
            except library().KafkaException:
                admin.poll(0)
            passed = time.monotonic() - began
            if passed > PATIENCE or (passed > _CERTAIN and self.trouble.certain):
                raise self.trouble.refused(began)

    def ask(self, what: Callable[[Any], Mapping[Any, Any]]) -> Mapping[Any, Any]:
        """The answers to a question to the admin client, by what was asked about; each may be a `KafkaError` instead.

        Raises:
            ConnectorError: code `refused`, when nobody answers.
        """
        kafka, began = library(), time.monotonic()
        answers: dict[Any, Any] = {}
        for one, future in what(self.admin()).items():
            try:
                answers[one] = future.result(timeout=2 * PATIENCE)
            except kafka.KafkaException as error:
                told = error.args[0]
                if told.code() in (kafka.KafkaError._TIMED_OUT, kafka.KafkaError._TRANSPORT):
                    self.admin().poll(0)
                    raise self.trouble.refused(began) from None
                answers[one] = told
        return answers
