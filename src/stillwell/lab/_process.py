"""A process known by its number and the instant of its start, so that a number used again never means it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillwell.lab import _leash


@dataclass(frozen=True)
class Process:
    """One process: its number, and when it started in clock ticks since the machine did."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this number now; None when there is none, or only what is left of a dead one."""
        with contextlib.suppress(OSError):
            # The name stands in brackets and may hold anything; behind it the fields are plain.
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                return cls(pid, int(fields[19]))
        return None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return Process.of(self.pid) == self

    def signal(self, number: signal.Signals, wait: float = 0.0) -> bool:
        """Send a signal and wait for the end so many seconds: whether the process has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # Compared after opening: from here on the descriptor means this process, whatever its number will mean.
            if not self.alive:
                return True
            signal.pidfd_send_signal(handle, number)
            return bool(select.select([handle], [], [], wait)[0])
        finally:
            os.close(handle)


@dataclass(frozen=True)
class Command:
    """What is to run: in which folder, where what it says is added, and which open files it inherits."""

    words: Sequence[str]
    folder: Path
    log: Path
    inherited: Iterable[int] = ()

    def start(self, how: str, line: socket.socket) -> subprocess.Popen[bytes]:
        """Start it behind the leash."""
        python = [sys.executable, "-I", "-S", _leash.__file__, how, str(line.fileno())]
        with self.log.open("ab") as said:
            return subprocess.Popen(  # noqa: S603 - the command is ours
                [*python, *self.words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(line.fileno(), *self.inherited),
                start_new_session=True,
            )


class Child:
    """A command that we hold on a leash: it ends when we do."""

    def __init__(self, command: Command) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._popen = command.start("held", theirs)
        self.process = Process.of(self._popen.pid) or Process(self._popen.pid, 0)

    def bury(self) -> None:
        """Forget it, after its end."""
        self._popen.wait()
        self._line.close()


def loosen(command: Command, note: Callable[[Process], None]) -> None:
    """Run a command that outlives this process; it begins when `note` has written down which process it is."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            starter = command.start("loose", theirs)
        starter.wait()
        pid = int(ours.recv(20))
        note(Process.of(pid) or Process(pid, 0))
        ours.send(b"!")
