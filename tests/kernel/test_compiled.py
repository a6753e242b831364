"""The compiled part of the kernel is built with the environment."""

from __future__ import annotations

from stillwell.kernel.compiled import LIBRARY, library


def test_the_library_was_built():
    assert LIBRARY.exists()
    assert library().stillwell_read
