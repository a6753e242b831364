"""An authority and the certificates that it signs, for services on this machine."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwell._need import need
from stillwell.lab._place import written

HERE = ("localhost", "127.0.0.1")
"""The names of a service of the lab."""

_DAYS = 825
"""How long a certificate holds: the longest that all clients take."""


_SIGNS = {"key_cert_sign": True, "crl_sign": True}
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Tls:
    """Files in PEM: the authority's certificate, one that it signed, and its key."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def keystore(self) -> Path:
        """Key, certificate and authority in one file, as Java's servers read it."""
        return self.key.with_suffix(".keystore.pem")


class Authority:
    """Signs certificates; its key is never written down."""

    def __init__(self, folder: Path, name: str = "Stillwell lab") -> None:
        self._key = _ec().generate_private_key(_ec().SECP256R1())
        self._folder = folder
        self._name = _named(name)
        self._certificate = self._signed(self._name, self._key.public_key(), authority=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = written(folder / "ca.pem", _pem(self._certificate))

    def sign(self, name: str, hosts: Sequence[str] = HERE) -> Tls:
        """A certificate of this common name, which serves as a client and as a server of these hosts."""
        key = _ec().generate_private_key(_ec().SECP256R1())
        certificate = _pem(self._signed(_named(name), key.public_key(), hosts=hosts))
        made = Tls(self.path, self._folder / f"{name}.pem", self._folder / f"{name}.key")
        written(made.certificate, certificate)
        written(made.key, _pkcs8(key))
        written(made.keystore, _pkcs8(key) + certificate + _pem(self._certificate))
        return made

    def _signed(self, subject: Any, key: Any, *, hosts: Sequence[str] = (), authority: bool = False) -> Any:
        x509 = _x509()
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            # A clock of another machine may be behind ours.
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if authority:
            builder = builder.add_extension(x509.KeyUsage(**dict.fromkeys(_USES, False) | _SIGNS), critical=True)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return builder.sign(self._key, _hashes().SHA256())


def _host(host: str) -> Any:
    try:
        return _x509().IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return _x509().DNSName(host)


def _named(name: str) -> Any:
    x509 = _x509()
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])


def _pem(certificate: Any) -> bytes:
    return bytes(certificate.public_bytes(_serialization().Encoding.PEM))


def _pkcs8(key: Any) -> bytes:
    kinds = _serialization()
    return bytes(key.private_bytes(kinds.Encoding.PEM, kinds.PrivateFormat.PKCS8, kinds.NoEncryption()))


def _x509() -> Any:
    return _need("x509")


def _ec() -> Any:
    return _need("hazmat.primitives.asymmetric.ec")


def _hashes() -> Any:
    return _need("hazmat.primitives.hashes")


def _serialization() -> Any:
    return _need("hazmat.primitives.serialization")


def _need(part: str) -> Any:
    return need(f"cryptography.{part}", who="A service of the lab with TLS", extra="lab")
