"""Every connector holds what `connectors/base.py` promises of it."""

from __future__ import annotations

import importlib

import pytest

from stillwell._find import find, names
from stillwell.errors import StillwellError
from tests.connectors import suite


def own_tests(name):
    """The connector's own test module, where it says how to build one."""
    return importlib.import_module(f"tests.connectors.test_{name}")


def able(side):
    """The names of connectors that have this side."""
    found = []
    for name in names("connectors"):
        try:
            find("connectors", name, side)
        except StillwellError:
            continue
        found.append(name)
    return found


ELSEWHERE = {"generator", "kafka"}
"""One makes its own records, one needs a service: they have the same checks in their own tests."""

SINKS = [name for name in able("Sink") if name not in ELSEWHERE]
SOURCES = [name for name in able("Source") if name not in ELSEWHERE and find("connectors", name, "Source").replayable]


@pytest.mark.parametrize("check", suite.SINK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SINKS)
def test_sink(name, check, tmp_path):
    check(find("connectors", name, "Sink"), own_tests(name).sink_options(tmp_path), tmp_path)


@pytest.mark.parametrize("check", suite.DURABLE_SINK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [name for name in SINKS if name != "memory"])
def test_durable_sink(name, check, tmp_path):
    check(find("connectors", name, "Sink"), own_tests(name).sink_options(tmp_path), tmp_path)


@pytest.mark.parametrize("check", suite.SOURCE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SOURCES)
def test_source(name, check, tmp_path):
    check(find("connectors", name, "Source"), own_tests(name).source_options(tmp_path, suite.PAYLOADS), tmp_path)
