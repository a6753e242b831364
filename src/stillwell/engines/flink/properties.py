"""Says to Kafka's Java client what a pipeline says of its brokers; the values hold secrets and are never shown."""

from __future__ import annotations

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.access import PEM, Access, Sasl, Tls, addresses
from stillwell.errors import ConnectorError, fail

_SHADED = "org.apache.flink.kafka.shaded."
_MODULES = {
    "plain": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "scram-sha-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "scram-sha-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def properties(access: Access, place: Place) -> dict[str, str]:
    """The keys of the Java client.

    Raises:
        ConnectorError: codes `not-supported` and `bad-option`, for what that client does not take.
    """
    if access.config:
        what = f"`config` names keys of librdkafka ({', '.join(sorted(access.config))}); Flink has another client."
        raise fail(ConnectorError, "not-supported", what, "Leave `config` out, or use the embedded engine.")
    protocol = ("SASL_" if access.sasl else "") + ("SSL" if access.tls else "PLAINTEXT")
    found = {"bootstrap.servers": ",".join(addresses(access.brokers)), "security.protocol": protocol}
    if access.tls:
        found["ssl.endpoint.identification.algorithm"] = "https"
    if isinstance(access.tls, Tls):
        found |= _tls(access.tls, place)
    return found | (_sasl(access.sasl) if access.sasl else {})


def _tls(tls: Tls, place: Place) -> dict[str, str]:
    found: dict[str, str] = {}
    if tls.ca is not None:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": _text("ca", tls.ca, place)}
    if tls.certificate is not None and tls.key is not None:
        key = _text("key", tls.key, place)
        if "BEGIN PRIVATE KEY" not in key and "BEGIN ENCRYPTED PRIVATE KEY" not in key:
            what = "Java reads keys of PKCS #8 only, and `tls.key` is none."
            fix = "Convert it: openssl pkcs8 -topk8 -in OLD -out NEW (with -nocrypt for one without a password)."
            raise fail(ConnectorError, "bad-option", what, fix)
        chain = _text("certificate", tls.certificate, place)
        found |= {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": chain, "ssl.keystore.key": key}
    return found | ({"ssl.key.password": tls.password.get_secret_value()} if tls.password else {})


def _text(name: str, told: str, place: Place) -> str:
    """PEM text, or that of the file that is named; what else is in it (a comment, the other part) is left out."""
    if told.lstrip().startswith(PEM):
        return told
    try:
        text = place.path(told).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise fail(
            ConnectorError, "bad-option", f"File {place.path(told)} cannot be used as tls.{name}: {why}.", "Name one."
        ) from None
    begins = text.find(PEM)
    return text[max(begins, 0) :]


def _sasl(sasl: Sasl) -> dict[str, str]:
    user, password = (_quoted(one) for one in (sasl.user, sasl.password.get_secret_value()))
    module = _SHADED + _MODULES[sasl.mechanism]
    return {
        "sasl.mechanism": sasl.mechanism.upper(),
        "sasl.jaas.config": f"{module} required username={user} password={password};",
    }


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
