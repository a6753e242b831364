"""Certificates that a strict client takes, for this machine and no other name."""

from __future__ import annotations

import ssl

import pytest

from stillwell.lab._certificates import Authority


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    return authority.sign("server"), authority.sign("client")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "Somebody else").sign("stranger")


def shaken(server, client, ca, host):
    """Let both shake hands, in memory; raises what either side has against it."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(server.certificate, server.key)
    theirs.load_verify_locations(server.ca)
    theirs.verify_mode = ssl.CERT_REQUIRED
    ours = ssl.create_default_context(cafile=ca)
    ours.verify_flags |= ssl.VERIFY_X509_STRICT
    if client:
        ours.load_cert_chain(client.certificate, client.key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    both = [theirs.wrap_bio(up, down, server_side=True), ours.wrap_bio(down, up, server_hostname=host)]
    for _ in range(5):
        for one in both:
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
    both[0].write(b"well")
    assert both[1].read() == b"well"
    return both[0].getpeercert()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_both_sides_believe_each_other(made, host):
    server, client = made
    names = dict(part[0] for part in shaken(server, client, server.ca, host)["subject"])
    assert names == {"commonName": "client"}


@pytest.mark.parametrize("host", ["example.org", "127.0.0.2"])
def test_no_other_host_is_believed(made, host):
    server, client = made
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shaken(server, client, server.ca, host)


def test_strangers_are_not_believed(made, stranger):
    server, client = made
    with pytest.raises(ssl.SSLCertVerificationError, match="CERTIFICATE_VERIFY_FAILED"):
        shaken(server, client, stranger.ca, "localhost")
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shaken(server, stranger, server.ca, "localhost")
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shaken(server, None, server.ca, "localhost")


def test_keys_are_pkcs8_for_this_user_alone_and_that_of_the_authority_is_nowhere(made):
    server, client = made
    folder = server.ca.parent
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert server.key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert {path.name for path in folder.iterdir() if "PRIVATE" in path.read_text()} == {
        "server.key",
        "client.key",
        "server.keystore.pem",
        "client.keystore.pem",
    }
    assert server.key.read_text() in server.keystore.read_text()
    assert client.key.read_text() not in server.keystore.read_text()
