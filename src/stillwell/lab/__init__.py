"""Real services as local processes, for tests, the course and a laptop."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stillwell._find import find, names
from stillwell.errors import StillwellError, did_you_mean, fail
from stillwell.lab._state import known

__all__ = ["known", "service", "services", "up"]


def services() -> list[str]:
    """The names of all services."""
    return names("lab")


def service(name: str) -> Any:
    """The class of this service.

    Raises:
        StillwellError: code `unknown-service`.
    """
    if name not in services():
        raise fail(StillwellError, "unknown-service", f"There is no service `{name}`.", did_you_mean(name, services()))
    return find("lab", name, "Service")


@contextlib.contextmanager
def up(
    name: str, *, folder: Path | None = None, tls: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """Run the service `name` while the block lasts; it ends with this process, however that ends.

    Args:
        name: `kafka`.
        folder: where its data, certificates and log go, and may be from before; else a folder that is removed.
        tls: whether it also listens with TLS.
        settings: settings of the service itself, over those that we make.

    Raises:
        StillwellError: codes `unknown-service`, `missing-java`, `missing-maven`, `missing-extra`, `unfetchable`,
            `already-running`, `not-started`.
    """
    kind = service(name)
    with contextlib.ExitStack() as closing:
        place = folder or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="stillwell-lab-")))
        yield closing.enter_context(kind(place, tls=tls, settings=settings))
