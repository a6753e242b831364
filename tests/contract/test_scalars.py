"""Texts become durations, shares, sizes and literals of a field's type, or are refused with what to write."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract import scalars
from stillwell.contract.model import Now, show_duration
from stillwell.contract.scalars import Unreadable


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_shown_is_the_duration_read(milliseconds: int) -> None:
    duration = dt.timedelta(milliseconds=milliseconds)
    assert scalars.duration(show_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604800), ("2w", 1209600), ("0s", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert scalars.duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "1.5h", "-5m", "5 m", "30m1h", "5min", "99999999999999w", "٥m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        scalars.duration(text)


def test_a_month_is_refused_because_its_length_is_not_fixed() -> None:
    with pytest.raises(Unreadable) as caught:
        scalars.duration("3mo")
    assert "no fixed length" in caught.value.fix


@given(st.integers(min_value=0, max_value=10_000))
def test_a_share_is_the_nearest_double_of_its_hundredth(tenths: int) -> None:
    assert scalars.share(f"{tenths / 10}%") == pytest.approx(tenths / 1000, abs=0, rel=1e-15)


@pytest.mark.parametrize("text", ["2", "0.02", "%", "-1%", "2 percent"])
def test_a_share_needs_its_sign(text: str) -> None:
    with pytest.raises(Unreadable, match="not a share"):
        scalars.share(text)


@pytest.mark.parametrize(("text", "size"), [("64MiB", 67108864), ("0B", 0), ("1KiB", 1024), ("1GiB", 2**30)])
def test_sizes(text: str, size: int) -> None:
    assert scalars.size(text) == size


@pytest.mark.parametrize("text", ["64", "64MB", "64mib", "1.5GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        scalars.size(text)


@pytest.mark.parametrize("text", ["1.0.0", "0.10.3", "1.0.0-rc.1", "1.0.0+build.5"])
def test_versions(text: str) -> None:
    assert scalars.semver(text) == text


@pytest.mark.parametrize(
    ("text", "write"), [("1.10", "1.10.0"), ("1", "1.0.0"), ("v1.0.0", "1.0.0"), ("01.0.0", "1.0.0")]
)
def test_a_version_of_other_parts_is_refused_with_one_of_three(text: str, write: str) -> None:
    with pytest.raises(Unreadable) as caught:
        scalars.semver(text)
    assert caught.value.fix == f"Write `{write}`."


@pytest.mark.parametrize(("text", "seconds"), [("now", 0), ("now + 1m", 60), ("now - 7d", -604800), ("now+5s", 5)])
def test_now(text: str, seconds: int) -> None:
    assert scalars.now(text) == Now(dt.timedelta(seconds=seconds))


@pytest.mark.parametrize("text", ["nowhere", "now 1m", "now + 1mo", "now + 1m + 1m", "now * 2"])
def test_what_is_no_time_relative_to_now_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        scalars.now(text)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("NO", "string", "NO"),
        ("1.10", "string", "1.10"),
        ("5", "integer", 5),
        ("5.0", "integer", 5),
        ("1e3", "integer", 1000),
        ("-9223372036854775808", "integer", -(2**63)),
        ("1e3", "double", 1000.0),
        ("-.5", "double", -0.5),
        ("12.50", "decimal", Decimal("12.50")),
        ("TRUE", "boolean", True),
        ("2024-01-31", "date", dt.date(2024, 1, 31)),
        ("08:30", "time", dt.time(8, 30)),
        ("2024-01-31T08:30:00Z", "timestamp", dt.datetime(2024, 1, 31, 8, 30, tzinfo=dt.UTC)),
        ("2024-01-31 08:30+02:00", "timestamp", dt.datetime(2024, 1, 31, 6, 30, tzinfo=dt.UTC)),
        ("2024-01-31", "timestamp", dt.datetime(2024, 1, 31, tzinfo=dt.UTC)),
        ('{"a": 1}', "json", '{"a": 1}'),
    ],
)
def test_a_literal_is_read_by_the_fields_type(text: str, kind: str, value: object) -> None:
    found = scalars.literal(text, kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.5", "integer"),
        ("9223372036854775808", "integer"),
        ("1e999999999", "integer"),
        ("nan", "double"),
        ("inf", "double"),
        ("1e999", "double"),
        ("1,5", "double"),
        ("1_000", "double"),
        ("yes", "boolean"),
        ("1", "boolean"),
        ("2024-02-30", "date"),
        ("20240131", "date"),
        ("25:00", "time"),
        ("08:30Z", "time"),
        ("2024-02-30T00:00:00Z", "timestamp"),
        ("0001-01-01T00:00:00+14:00", "timestamp"),
        ("{a", "json"),
        ("x", "object"),
    ],
)
def test_what_is_no_literal_of_the_type_is_refused(text: str, kind: str) -> None:
    with pytest.raises(Unreadable):
        scalars.literal(text, kind)


def test_a_time_without_offset_is_in_the_fields_zone() -> None:
    found = scalars.literal("2024-07-01T12:00", "timestamp", zone="Europe/Oslo")
    assert found == dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)


@pytest.mark.parametrize(("text", "good"), [("123.45", True), ("123.456", False), ("1234.5", False), ("0.10", True)])
def test_a_decimal_fits_precision_and_scale(text: str, good: bool) -> None:
    if good:
        assert scalars.decimal(text, 5, 2) == Decimal(text)
    else:
        with pytest.raises(Unreadable):
            scalars.decimal(text, 5, 2)


@given(
    st.text(max_size=30),
    st.sampled_from(["string", "integer", "double", "decimal", "boolean", "timestamp", "date", "time"]),
)
def test_any_text_is_a_literal_or_refused(text: str, kind: str) -> None:
    with suppress(Unreadable):
        assert scalars.literal(text, kind, precision=10, scale=2) is not None


def test_an_unknown_zone_is_refused() -> None:
    assert scalars.zone("Europe/Oslo") == "Europe/Oslo"
    for text in ("Europe/Olso", "", "../etc", "/etc/passwd"):
        with pytest.raises(Unreadable):
            scalars.zone(text)
