"""What all tests share: real services, which start when a test asks for one."""

from __future__ import annotations

import pytest

from tests.services import group, kafka, topic

__all__ = ["kafka", "topic"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that use a service into one group, before they are dealt out."""
    group(items)
