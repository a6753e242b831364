"""A service of a few lines, with which the life of a service is tested without waiting for a Java."""

from __future__ import annotations

import contextlib
import json
import socket
import sys

from stillwell.lab._ports import HOST
from stillwell.lab.base import Service

PROGRAM = """
import json, os, signal, socket, sys, time
told = json.load(open("echo.json"))
open("starts", "a").write("x")
time.sleep(told["after"])
if told["fails"]:
    sys.exit("the disk is on fire")
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", told["port"]))
server.listen()
print("ready", flush=True)
while True:
    connection = server.accept()[0]
    connection.send(told["word"].encode())
    connection.close()
"""


class Echo(Service):
    """Says its secret word to whoever connects."""

    name = "echo"
    title = "Echo"
    roles = ("plain",)
    taken = b"Address already in use"
    patience = 10.0

    @classmethod
    def fetch(cls, *, thorough: bool = False) -> None:
        """Everything is here."""

    def prepare(self) -> None:
        after, fails = float(self.settings.get("after", 0)), "fails" in self.settings
        told = {"port": self.state.ports["plain"], "word": self.secret("word"), "after": after, "fails": fails}
        (self.folder / "echo.json").write_text(json.dumps(told))

    def command(self) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", PROGRAM]

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.state.ports["plain"]), 1) as connection:
            connection.settimeout(1)
            return connection.recv(100).decode() == self.secret("word")
        return False

    @property
    def addresses(self) -> dict[str, str]:
        return {"plain": f"{HOST}:{self.state.ports['plain']}"}

    def variables(self) -> dict[str, str]:
        return {"ECHO": self.addresses["plain"]}
