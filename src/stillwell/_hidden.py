"""Makes folders that are ours inside of a user's: what lies in `.stillwell` is never committed to git."""

from __future__ import annotations

from pathlib import Path

NAME = ".stillwell"


def make(folder: Path) -> None:
    """Make a folder; where `.stillwell` is new on the way to it, that one gets a `.gitignore` of everything.

    Raises:
        OSError: when it cannot be made.
    """
    inside = next((one for one in (folder, *folder.parents) if one.name == NAME), None)
    if inside is not None and not inside.exists():
        inside.mkdir(parents=True, exist_ok=True)
        (inside / ".gitignore").write_text("*\n", encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
