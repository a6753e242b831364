"""Say once what good data is; every record is judged by it: `load` a contract, `judge` data, look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillwell._version import __version__ as __version__
from stillwell.errors import StillwellError as StillwellError

if TYPE_CHECKING:
    from stillwell.api import Judge

__all__ = ["StillwellError", "__version__", "load"]


def load(path: str | Path, **options: Any) -> Judge:
    """The judge of the contract in a file; `options` are those of `stillwell.api.Judge`.

    Raises:
        StillwellError: with all problems of the file, each with line and column.
    """
    # The engine behind is heavy: who only asks for the version should not wait for it.
    from stillwell import api

    return api.load(path, **options)
