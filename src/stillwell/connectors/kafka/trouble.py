"""What went wrong between us and the brokers: gathered while clients talk, and told as one error."""

from __future__ import annotations

import collections
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

from stillwell.errors import ConnectorError, StillwellError, fail

LOG = logging.getLogger("stillwell.kafka")
LOG.addHandler(logging.NullHandler())
AWAY = logging.getLogger("stillwell.brokers")
_QUIET = 30.0

_BROKER = re.compile(r"(?:\[thrd:[^\]]*\]: )?(?:\w+://)?(?P<broker>[^/\s]+)/(?:bootstrap|\d+): (?P<text>.*)", re.DOTALL)
_AFTER = re.compile(r" \(after \d+ms in state \w+.*\)$")

WANTS_CERTIFICATE = ("It ended the TLS handshake: it wants a client certificate.", "Set tls.certificate and tls.key.")
UNVERIFIED = "certificate verify failed"

MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        r"Authentication failed|invalid credentials|SASL authentication error",
        "It does not accept this login: user `{user}` with the given password, by {mechanism}.",
        "Check sasl.user, sasl.password and sasl.mechanism.",
    ),
    (
        r"mechanism handshake failed",
        "It offers no login by {mechanism} at this port.",
        "Choose another sasl.mechanism, or the port that has one.",
    ),
    (r"alert (bad certificate|certificate required|handshake failure)", *WANTS_CERTIFICATE),
    (
        r"alert (unknown ca|certificate unknown|certificate expired|certificate revoked|unsupported certificate)",
        "It does not accept our client certificate: {alert}.",
        "Set tls.certificate and tls.key to ones signed by an authority that the broker trusts.",
    ),
    (
        UNVERIFIED,
        "Its certificate cannot be verified: {verdict}.",
        "Set tls.ca to the authority that signed it, and name the broker as its certificate does.",
    ),
    (
        r"connecting to a PLAINTEXT broker|wrong version number|SSL connection closed by peer .*SSL_HANDSHAKE",
        "It does not speak TLS at this port.",
        "Use its TLS port, or leave out `tls`.",
    ),
    (
        r"SSL connection closed by peer",
        "It took the TLS handshake and then closed the connection: it probably wants a login.",
        "Set `sasl`, or use its port for client certificates.",
    ),
    (
        r"connection closed by peer.*(APIVERSION_QUERY|in state UP)|connecting to a SSL broker",
        "It closed the connection at the first word: it probably speaks only TLS at this port, or wants a login.",
        "Set `tls` (and `sasl`), or use its plain port.",
    ),
    (
        r"Invalid response size",
        "What answers at this port is no Kafka broker.",
        "Check host and port.",
    ),
    (
        r"Failed to resolve",
        "There is no host of this name.",
        "Check `brokers`; this may also be what the broker calls itself.",
    ),
    (r"Connection refused", "Nothing listens at this port.", "Check the port, and whether the broker runs."),
    (
        r"timed out|Timed out|No route to host|Network is unreachable|Connection setup timed out",
        "It does not answer.",
        "Check the address, the network, and what lies between (firewall, proxy).",
    ),
)
"""What librdkafka says (a pattern), what it means, what to do; the most telling first."""

_HOPELESS = 8
"""So many of them, from the first on, waiting does not mend."""


class Trouble(logging.Handler):
    """Keeps the last things that went wrong, hides secrets in them, and lets nothing reach standard error.

    What librdkafka says goes to the logger `stillwell.kafka` at level DEBUG.
    """

    def __init__(self, secrets: tuple[str, ...], client: Mapping[str, Any]) -> None:
        super().__init__()
        self._secrets = secrets
        self._user, self._mechanism = client.get("sasl.username"), client.get("sasl.mechanism")
        self._certified = any(key.startswith("ssl.certificate.") for key in client)
        self._authority = client.get("ssl.ca.location"), client.get("ssl.ca.pem")
        self._brokers = str(client["bootstrap.servers"])
        self._guard = threading.Lock()
        self._kept: collections.deque[str] = collections.deque(maxlen=50)
        self._quiet_until = 0.0
        self.running = False  # somebody reads, and is told when that ends for a while
        self.away = False  # whether nobody answers, as far as is known
        self.logger = logging.Logger("librdkafka", logging.DEBUG)  # noqa: LOG001 - it is no part of the tree, on purpose
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of librdkafka's log."""
        text = self.mask(record.getMessage())
        LOG.debug("%s", text)
        if text.startswith("FAIL"):
            self._keep(text.split("] ", 1)[-1])

    def error(self, error: Any) -> None:
        """Take an error that librdkafka tells of beside any call (`error_cb`)."""
        text = self.mask(error.str())
        LOG.debug("%s", text)
        if error.name() != "_ALL_BROKERS_DOWN":
            self._keep(text)
            return
        self.away = True
        if self.running and time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET
            AWAY.warning("None of the brokers %s answers; reading goes on when one does.", self._brokers)

    def _keep(self, text: str) -> None:
        with self._guard:
            self._kept.append(text)

    def mask(self, text: str) -> str:
        """The text without any secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def back(self) -> None:
        """Somebody answers."""
        self.away = False

    def forget(self) -> None:
        """What went wrong so far does not matter any more."""
        with self._guard:
            self._kept.clear()

    def told(self) -> list[tuple[str, str]]:
        """Broker and text of what went wrong last with each, the newest first."""
        with self._guard:
            kept = list(self._kept)
        newest: dict[str, str] = {}
        for found in map(_BROKER.match, reversed(kept)):
            if found:
                newest.setdefault(found["broker"], found["text"])
        return list(newest.items())

    @property
    def certain(self) -> bool:
        """Whether every broker that was tried refused us in a way that waiting does not mend."""
        told = [text for _, text in self.told()]
        hopeless = "|".join(pattern for pattern, _, _ in MEANINGS[:_HOPELESS])
        return bool(told) and all(re.search(hopeless, text) for text in told)

    def refused(self, began: float, what: str = "") -> StillwellError:
        """The error of a connection that we wait for since `began` (`time.monotonic`), by its most telling cause."""
        told = self.told()
        for pattern, meaning, fix in MEANINGS:
            for broker, text in told:
                if re.search(pattern, text):
                    return self._fail(broker, began, *self._meant(broker, text, meaning, fix), what)
        broker, text = next(iter(told), (self._brokers, ""))
        said = _AFTER.sub("", text) or "It does not answer"
        return self._fail(
            broker, began, f"{said.rstrip('.')}.", "Check the address, and whether the broker runs.", what
        )

    def _fail(self, broker: str, began: float, meaning: str, fix: str, what: str) -> StillwellError:
        after = f"after {time.monotonic() - began:.1f} s"
        said = f"{what} {meaning}".strip()
        return fail(ConnectorError, "refused", self.mask(f"Broker {broker}, {after}: {said}"), fix)

    def _meant(self, broker: str, text: str, meaning: str, fix: str) -> tuple[str, str]:
        """What it means, with the particulars of this client filled in."""
        alert = re.search(r"alert ([a-z ]+)", text)
        if (meaning, fix) == WANTS_CERTIFICATE and self._certified:
            return self._meant(broker, text, *MEANINGS[3][1:])
        particulars = {
            "user": self._user,
            "mechanism": self._mechanism or "a password",
            "alert": alert[1].strip() if alert else "unknown",
            "verdict": self._verdict(broker) if UNVERIFIED in text else "",
        }
        return meaning.format_map(particulars), fix

    def _verdict(self, broker: str) -> str:
        """Why its certificate is not good, which librdkafka does not tell: another handshake, which does."""
        host, _, port = broker.rpartition(":")
        location, pem = self._authority
        try:
            context = ssl.create_default_context(cafile=location, cadata=pem)
            with socket.create_connection((host.strip("[]"), int(port)), timeout=2) as plain:
                context.wrap_socket(plain, server_hostname=host.strip("[]")).close()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message.rstrip(".")
        except (OSError, ValueError):
            pass
        return "it is not signed by a known authority, or is for another host"
