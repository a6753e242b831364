"""Finds a plug-in by its name: a file of that name in a room, or an entry point of another package."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from stillwell.errors import StillwellError, did_you_mean, fail

_NOT_PLUGINS = {"base"}


def names(room: str) -> list[str]:
    """Every plug-in name of a room (`connectors`, `engines`), without importing any of them."""
    package = importlib.import_module(f"stillwell.{room}")
    own = {
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if module.name not in _NOT_PLUGINS and not module.name.startswith("_")
    }
    return sorted(own | {point.name for point in _points(room)})


def _points(room: str) -> EntryPoints:
    """The entry points of a room."""
    return _seen(room, tuple(sys.path))


@functools.cache
def _seen(room: str, _path: tuple[str, ...]) -> EntryPoints:
    # To look through all packages takes longer than all else that a plan does.
    return entry_points(group=f"stillwell.{room}")


def find(room: str, name: str, attribute: str) -> Any:
    """The object `attribute` (for example `Source`) of the plug-in `name` in `room`.

    Raises:
        StillwellError: code `unknown-plugin` when there is no such name,
            `not-supported` when the plug-in has no such side.
    """
    for point in _points(room):
        if point.name == name:
            module = point.load()
            break
    else:
        if name not in names(room):
            raise fail(
                StillwellError, "unknown-plugin", f"There is no {room[:-1]} `{name}`.", did_you_mean(name, names(room))
            )
        module = importlib.import_module(f"stillwell.{room}.{name}")
    if not hasattr(module, attribute):
        able = [other for other in names(room) if other != name]
        raise fail(
            StillwellError,
            "not-supported",
            f"`{name}` cannot be used as a {attribute.lower()}.",
            f"Use another of: {', '.join(able)}.",
        )
    return getattr(module, attribute)
