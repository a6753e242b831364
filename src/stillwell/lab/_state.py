"""What is known of a service in its folder: the file `lab.json`, by which another process finds it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stillwell.lab import _place
from stillwell.lab._process import Process

_NAME = "lab.json"


@dataclass
class State:
    """Its ports by role, its secrets by name, whether it listens with TLS, and its process: None after a stop."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    tls: bool = False
    process: Process | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What the folder says; nothing of it where that cannot be understood."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            told: dict[str, Any] = json.loads((folder / _NAME).read_text())
            process = told.pop("process")
            return cls(**told, process=Process(**process) if process else None)
        return cls()

    def write(self, folder: Path) -> None:
        """Say it to whoever comes; it holds secrets, so only this user can read it."""
        _place.written(folder / _NAME, json.dumps(dataclasses.asdict(self)).encode())


def alone(folder: Path) -> AbstractContextManager[None]:
    """Let nobody else start or stop the service of this folder in the meantime."""
    return _place.alone(folder / "lab.lock", "Name another folder, or give this user the right to write there.")


def known(folder: Path) -> bool:
    """Whether a service was ever started in this folder."""
    return (folder / _NAME).exists()
