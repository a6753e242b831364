"""What an author of a service must know: a service is one file of this room, found by its name.

It has a class `Service` that says how it is fetched (`fetch`), what lies in its folder before it starts (`prepare`),
what runs it (`command`), whether it is ours that answers (`answers`), where (`addresses`), and the variables by which
others find it (`variables`). The rest is here: its ports, secrets and certificates, its process and how that ends, and
its log.
"""

from __future__ import annotations

import secrets
import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from stillwell.errors import StillwellError, fail
from stillwell.lab._certificates import Authority, Tls
from stillwell.lab._ports import reserve
from stillwell.lab._process import Child, Command, Process, loosen
from stillwell.lab._state import State, alone

TRIES = 3
"""How often a service is started, each time on other ports, when somebody took one in the meantime."""


class Service(ABC):
    """A service that runs as one process on the loopback interface; as a context manager it ends with the block.

    Args:
        folder: where its configuration, data, certificates and log are. What an earlier run left there is gone on with.
        tls: whether it also listens with TLS.
        settings: settings of the service itself, over those that we make.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    roles: ClassVar[tuple[str, ...]]
    """The names of the ports that it needs."""
    taken: ClassVar[bytes]
    """What its log says where a port is taken."""
    patience: ClassVar[float] = 60.0
    """Seconds that it may take to start, and to stop."""

    def __init__(self, folder: Path, *, tls: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / f"{self.name}.log"
        self.settings = dict(settings or {})
        self.state = State.read(self.folder)
        self._wants_tls = tls
        self._held: dict[str, socket.socket] = {}
        self._child: Child | None = None

    @classmethod
    @abstractmethod
    def fetch(cls, *, thorough: bool = False) -> None:
        """Fetch what it consists of into the cache, where it is not there yet."""

    @abstractmethod
    def prepare(self) -> None:
        """Put into its folder what it needs; called before every start, when ports and secrets are known."""

    @abstractmethod
    def command(self) -> list[str]:
        """What runs it, in its folder."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the service of this folder, and no other one, answers at its ports."""

    @property
    @abstractmethod
    def addresses(self) -> dict[str, str]:
        """Where it listens, by what a person calls that door."""

    @abstractmethod
    def variables(self) -> dict[str, str]:
        """Where it is and how to get in, as environment variables."""

    @property
    def tls(self) -> Tls:
        """The authority of its certificates, and a client's certificate and key."""
        folder = self.folder / "tls"
        return Tls(folder / "ca.pem", folder / "client.pem", folder / "client.key")

    @property
    def process(self) -> Process | None:
        """Its process; None when it does not run."""
        return self.state.process if self.state.process and self.state.process.alive else None

    def secret(self, name: str) -> str:
        """The secret of this name: made when it is asked for first, and written down before anybody can rely on it."""
        known = name in self.state.secrets
        made = self.state.secrets.setdefault(name, secrets.token_urlsafe(18))
        if not known:
            self.state.write(self.folder)
        return made

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, *, loose: bool = False) -> None:
        """Start it and wait until it answers; after a stop, on the same ports and data.

        Args:
            loose: it outlives this process, and somebody else stops it.

        Raises:
            StillwellError: codes `already-running`; `not-started`, with what its log says.
        """
        self.fetch()
        # Ports that somebody was told cannot be changed.
        tries = 1 if self._held else TRIES
        with alone(self.folder):
            self.state = State.read(self.folder)
            if running := self.process:
                what = f"{self.title} of {self.folder} runs already, as process {running.pid}."
                raise fail(StillwellError, "already-running", what, "Stop it, or give this one a folder of its own.")
            while said := self._tried(loose):
                tries -= 1
                if not tries or self.taken not in said:
                    raise self._failed(said)
                self._let_go()
                self.state.ports = {}

    def stop(self) -> None:
        """End it well; its ports stay ours, where we started it."""
        self._end_alone(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end_alone(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: it neither answers nor ends."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it and let go of its ports."""
        self.stop()
        self._let_go()

    def _tried(self, loose: bool) -> bytes:
        """Start it once: nothing if it answers, or else what it said before it ended."""
        since = self.log.stat().st_size if self.log.exists() else 0
        try:
            self._launch(loose)
            end = time.monotonic() + self.patience
            while self.process and time.monotonic() < end:
                if self.answers():
                    return b""
                time.sleep(0.02)
        except BaseException:
            self._end(signal.SIGKILL)
            raise
        self._end(signal.SIGKILL)
        return self.log.read_bytes()[since:] or b"with nothing"

    def _launch(self, loose: bool) -> None:
        self._held = self._held or reserve(self.roles, self.state.ports)
        self.state.ports = {role: held.getsockname()[1] for role, held in self._held.items()}
        # Once it had certificates, others rely on them.
        self.state.tls = self.state.tls or self._wants_tls
        if self.state.tls and not self.tls.key.exists():
            authority = Authority(self.folder / "tls", f"Stillwell lab, {self.name}")
            authority.sign("server")
            authority.sign("client")
        self.prepare()
        command = Command(self.command(), self.folder, self.log, [held.fileno() for held in self._held.values()])
        if loose:
            loosen(command, self._note)
            # From here on the service itself keeps its ports.
            self._let_go()
        else:
            self._child = Child(command)
            self._note(self._child.process)

    def _note(self, process: Process | None) -> None:
        self.state.process = process
        self.state.write(self.folder)

    def _end_alone(self, number: signal.Signals) -> None:
        with alone(self.folder):
            # What others started, others may have stopped and started in the meantime.
            self.state = self.state if self._child else State.read(self.folder)
            self._end(number)

    def _end(self, number: signal.Signals) -> None:
        if process := self.process:
            process.signal(number)
            # What stands still would not hear of it.
            if not process.signal(signal.SIGCONT, self.patience):
                process.signal(signal.SIGKILL, self.patience)
        if self._child:
            self._child.bury()
            self._child = None
        if self.state.process:
            self._note(None)

    def _signal(self, number: signal.Signals) -> None:
        if not self.process:
            raise fail(StillwellError, "not-running", f"{self.title} of {self.folder} does not run.", "Start it first.")
        self.process.signal(number)

    def _failed(self, said: bytes) -> StillwellError:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        what = f"{self.title} did not start. Its log ends: {' | '.join(lines[-3:])[:600]}"
        return fail(StillwellError, "not-started", what, f"{self.log} says all of it.")

    def _let_go(self) -> None:
        for held in self._held.values():
            held.close()
        self._held = {}
