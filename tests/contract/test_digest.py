"""A digest is that of what a contract means."""

from __future__ import annotations

import pytest

from stillwell.contract.digest import digest
from stillwell.contract.load import parse

TEXT = """\
contract: a
version: 1.0.0
fields:
  f: {type: double, min: 0, max: 10, default: 5, repair: {range: clamp}}
  g: {type: timestamp, max: now + 1m}
"""

SAME = """\
# another layout
version: '1.0.0'
contract: "a"
types: {t: {type: double, max: 1e1, min: 0.0}}
status: active

fields:
  f:
    default: 5     # a comment
    repair:
      range: clamp
    type: t
  g:
    type: timestamp
    max: now + 60s
    from: g
"""


def test_comments_layout_templates_and_spelt_out_defaults_do_not_change_it() -> None:
    assert digest(parse(TEXT)) == digest(parse(SAME, file="other.yml"))


def test_it_stays_the_same_for_years() -> None:
    assert digest(parse(TEXT)) == "838dd8acae64f1eec97922489717f099c37eaf43c39871858a05ba34f1827dac"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.0.0", "1.0.1"),
        ("min: 0", "min: 1"),
        ("max: 10", "max: 9"),
        ("default: 5", "default: 6"),
        ("default: 5, ", ""),
        ("now + 1m", "now + 2m"),
        ("clamp", "clear"),
        ("  g:", "  h:"),
        ("type: timestamp", "type: timestamp, required: true"),
        ("fields:", "other_fields: keep\nfields:"),
    ],
)
def test_whatever_changes_a_verdict_changes_it(old: str, new: str) -> None:
    assert digest(parse(TEXT.replace(old, new, 1))) != digest(parse(TEXT))


def test_the_order_of_fields_is_the_order_of_columns_and_counts() -> None:
    swapped = "contract: a\nversion: 1.0.0\nfields: {b: {type: string}, a: {type: string}}\n"
    straight = "contract: a\nversion: 1.0.0\nfields: {a: {type: string}, b: {type: string}}\n"
    assert digest(parse(swapped)) != digest(parse(straight))
