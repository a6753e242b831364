"""Runs a command that ends with the process that asked for it, or one that outlives it on purpose.

It is run as a file, by a bare Python: `python _leash.py held|loose LINE COMMAND …`. LINE is a socket to who asked.

- `held`: becomes the command, and leaves a watcher behind, which ends the command as soon as nobody holds the other end
  of the line any more: however the process died that held it, it leaves no orphan.
- `loose`: starts the command with no parent and no terminal. It says the number of its process first, and waits for a
  word: without one, because who asked died before it could write the number down, it ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys

PATIENCE = 5.0
"""Seconds that a command has to end well, before it is killed."""


def held(line: int, command: list[str]) -> None:
    """Become `command`, watched."""
    # Opened before the fork: a number may be used again, a descriptor means this process and no other.
    me = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        _watch(line, me)
        os._exit(0)
    os.close(line)
    os.execvp(command[0], command)  # noqa: S606 - without a shell is what is meant


def loose(line: int, command: list[str]) -> None:
    """Start `command`, once its number is written down."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.write(line, str(os.getpid()).encode())
    if os.read(line, 1):
        os.close(line)
        os.execvp(command[0], command)  # noqa: S606 - without a shell is what is meant


def _watch(line: int, watched: int) -> None:
    waiting = select.poll()
    waiting.register(line, select.POLLIN)
    waiting.register(watched, select.POLLIN)
    if watched in dict(waiting.poll()):
        return
    signal.pidfd_send_signal(watched, signal.SIGTERM)
    signal.pidfd_send_signal(watched, signal.SIGCONT)
    if not select.select([watched], [], [], PATIENCE)[0]:
        signal.pidfd_send_signal(watched, signal.SIGKILL)


if __name__ == "__main__":
    {"held": held, "loose": loose}[sys.argv[1]](int(sys.argv[2]), sys.argv[3:])
