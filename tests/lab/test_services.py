"""Without Java or Maven a test is skipped and says why; where it counts, it fails."""

from __future__ import annotations

import pytest

from stillwell.errors import StillwellError, fail
from tests.services import GROUPED, needed


def lacking(code):
    def call():
        raise fail(StillwellError, code, "Kafka needs Java.", "Install it.")

    return call


@pytest.mark.parametrize("code", ["missing-java", "missing-maven", "missing-extra"])
def test_what_is_not_installed_skips_here_and_fails_where_it_counts(monkeypatch, code):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Kafka needs Java"):
        needed(lacking(code))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Kafka needs Java"):
        needed(lacking(code))


def test_anything_else_is_an_error_everywhere(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(StillwellError):
        needed(lacking("unfetchable"))


def test_all_tests_of_a_service_are_of_its_group(request):
    for item in request.session.items:
        for name in GROUPED.intersection(item.fixturenames):
            assert name in {mark.args[0] for mark in item.iter_markers("xdist_group")}
