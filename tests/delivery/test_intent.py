"""An intent comes back from its line of JSON as it was."""

from __future__ import annotations

import datetime as dt
import json

from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Advance, Position, Slice
from stillwell.kernel.digest import Facts

FACTS = Facts(5, 3, 2, 2**64 - 1, 7, 2**63, "ab" * 16, 12)
INTENT = Intent(
    "p",
    "s/é\n",
    (
        Slice(0, Position(0), Position(5, '{"file": "ø"}'), FACTS),
        Slice(9, Position(2**40, "x"), Position(2**41), FACTS),
    ),
    "digest",
    {"duckdb": "2.0.0"},
    dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC),
    history="0a1b2c3d",
    forgotten={9: 70},
)


def test_an_intent_survives_its_json_to_the_last_bit():
    text = INTENT.to_json()
    assert "\n" not in text
    assert Intent.from_json(text) == INTENT
    assert Intent.from_json(json.dumps(json.loads(text))).clock.utcoffset() == dt.timedelta(0)


def test_of_some_partitions_it_says_what_is_theirs():
    assert INTENT.within({9}).forgotten == {9: 70}
    assert INTENT.within({0}).forgotten == {}


def test_one_that_was_written_before_keys_were_counted_is_read():
    plain = json.loads(INTENT.to_json())
    del plain["forgotten"]
    assert Intent.from_json(json.dumps(plain)).forgotten == {}


def test_its_advances_say_how_the_mark_of_each_partition_moves():
    assert INTENT.advances() == {
        "stillwell/p/s/é\n/0": Advance(0, 5),
        "stillwell/p/s/é\n/9": Advance(2**40, 2**41),
    }
