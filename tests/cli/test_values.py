"""Instants and shares as options."""

from __future__ import annotations

import datetime as dt

import pytest

from stillwell.cli._values import instant, share
from stillwell.errors import StillwellError


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-01-31T12:00:00Z", 12), ("2026-01-31T12:00:00", 12), ("2026-01-31T12:00+02:00", 10), ("2026-01-31", 0)],
)
def test_an_instant_is_in_utc_whatever_its_offset(text, hour):
    assert instant(text, "--as-of") == dt.datetime(2026, 1, 31, hour, tzinfo=dt.UTC)


@pytest.mark.parametrize(("text", "fraction"), [("1%", 0.01), ("0.5 %", 0.005), ("0%", 0), ("100%", 1)])
def test_a_share_is_a_fraction(text, fraction):
    assert share(text, "--tolerate") == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["0.5", "1", "-1%", "101%", "%", "1%%", "one%", "1e1%", ""])
def test_a_share_without_a_percent_sign_is_refused_for_it_could_mean_either(text):
    with pytest.raises(StillwellError, match="is not a share"):
        share(text, "--tolerate")


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", ""])
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(StillwellError, match="is not a time"):
        instant(text, "--as-of")
