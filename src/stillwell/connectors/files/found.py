"""Which files a path, a folder or a glob means, in a fixed order, and how their records are written."""

from __future__ import annotations

import glob
from pathlib import Path

from stillwell.connectors.base import Place
from stillwell.connectors.files.content import COMPRESSIONS
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format

_FORMATS = {
    ".jsonl": Format("json"),
    ".ndjson": Format("json"),
    ".json": Format("json"),
    ".csv": Format("csv"),
    ".tsv": Format("csv", {"delimiter": "\t"}),
    ".parquet": Format("arrow"),
}


def several(patterns: list[str], place: Place) -> bool:
    """Whether more than one file may be meant, now or later."""
    return len(patterns) > 1 or any(glob.has_magic(one) or place.path(one).is_dir() for one in patterns)


def found(patterns: list[str], place: Place) -> list[Path]:
    """The files that are there now, sorted by path, each once."""
    paths: set[Path] = set()
    for pattern in patterns:
        path = place.path(pattern)
        if path.is_dir():
            paths.update(one for one in path.iterdir() if not one.name.startswith(".") and _guess(one))
        elif path.exists() or not glob.has_magic(pattern):
            paths.update([path] if path.exists() else [])
        else:
            paths.update(Path(one) for one in glob.glob(str(path), recursive=True))  # noqa: PTH207 - of absolute paths
    return sorted(path for path in paths if path.is_file())


def guessed(patterns: list[str], files: list[Path]) -> Format:
    """The format that the names tell, of the files or, where there are none yet, of the patterns.

    Raises:
        ConnectorError: code `unknown-format`, when they tell none or several.
    """
    guesses = {path: _guess(path) for path in files or [Path(one) for one in patterns]}
    told = list(guesses.values())
    if told and all(one is not None and one == told[0] for one in told):
        assert told[0] is not None
        return told[0]
    odd = next((path for path, one in guesses.items() if one is None), None)
    several_told = f"{', '.join(patterns)}: files of several formats."
    what = f"{odd} does not tell its format by its name." if odd else several_told
    raise fail(ConnectorError, "unknown-format", what, "Say it: format: json, or csv, or parquet.")


def _guess(path: Path) -> Format | None:
    if path.suffix in COMPRESSIONS:
        path = path.with_suffix("")
    return _FORMATS.get(path.suffix.lower())
