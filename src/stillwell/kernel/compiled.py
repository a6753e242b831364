"""The compiled part of the kernel: a small library of C without Python in it, built with the package."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).with_name("_compiled.so")


@cache
def library() -> Any:
    """The library, whose functions hold no interpreter lock while they run; None where it was not built."""
    return ctypes.CDLL(str(LIBRARY)) if LIBRARY.exists() else None
