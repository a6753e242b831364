"""Ports that the operating system hands out and keeps for us."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Mapping

HOST = "127.0.0.1"


def reserve(names: Iterable[str], wished: Mapping[str, int]) -> dict[str, socket.socket]:
    """A socket for each name, bound to the port that is wished for it, or to another one if that is taken.

    The socket never listens. As long as anybody holds it, the system gives its port to nobody who asks for any, while a
    server that asks for this very port gets it (both allow the address to be reused).
    """
    return {name: _bound(wished.get(name, 0)) for name in names}


def _bound(port: int) -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.suppress(OSError):
        held.bind((HOST, port))
        return held
    held.bind((HOST, 0))
    return held
