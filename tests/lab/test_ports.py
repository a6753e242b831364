"""Ports are ours from the moment they are handed out."""

from __future__ import annotations

import socket

import pytest

from stillwell.lab._ports import HOST, reserve


@pytest.fixture
def held():
    found = reserve(["one", "other"], {})
    yield found
    for one in found.values():
        one.close()


def server(port):
    """A server as Java starts one."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((HOST, port))
    made.listen()
    return made


def test_the_service_can_listen_there_and_nobody_else_is_given_the_port(held):
    port = held["one"].getsockname()[1]
    assert port != held["other"].getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port))
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind((HOST, port))
    with server(port), socket.create_connection((HOST, port)):
        pass
    # Again at once, though the last connection lingers.
    with server(port), socket.create_connection((HOST, port)):
        pass


def test_a_wished_port_is_given_unless_somebody_listens_there(held):
    port = held["one"].getsockname()[1]
    held["one"].close()
    again = reserve(["one"], {"one": port})["one"]
    assert again.getsockname()[1] == port
    again.close()
    with server(port):
        another = reserve(["one"], {"one": port})["one"]
        assert another.getsockname()[1] not in (0, port)
        another.close()
