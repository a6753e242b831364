"""The one wording for an optional library that is not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from stillwell.errors import StillwellError, fail


def need(library: str, *, who: str, extra: str) -> ModuleType:
    """Import `library` for `who`, or say which extra installs it.

    Raises:
        StillwellError: code `missing-extra`, when the library is not installed.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != library.split(".", maxsplit=1)[0]:
            raise
        raise fail(
            StillwellError,
            "missing-extra",
            f"{who} needs {library.split('.', maxsplit=1)[0]}, which is not installed.",
            f"pip install 'stillwell[{extra}]'",
        ) from error
