"""A choice finds the rows that a selection means, whatever became of them."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from stillwell.delivery.choice import Choice
from stillwell.delivery.outcomes import OUTCOMES
from stillwell.delivery.selection import STATES, Selection
from stillwell.kernel.base import QUARANTINE_TRACE, REASON

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SCHEMA = pa.schema(
    [
        pa.field("payload", pa.binary()),
        pa.field("key", pa.binary()),
        pa.field("reasons", pa.list_(REASON)),
        pa.field("_stillwell", QUARANTINE_TRACE),
    ]
)


def reason(rule, field):
    return {"rule": rule, "field": field, "severity": "reject", "seen": "1", "expected": "2"}


def row(offset, reasons, *, key=None, version="1.0.0", partition=0):
    trace = {"partition": partition, "offset": offset, "ingest_time": AT + dt.timedelta(hours=offset)}
    return {"payload": b"x", "key": key, "reasons": reasons, "_stillwell": {**trace, "version": version}}


ROWS = [
    row(0, [reason("value.range", "value")], key=b"a"),
    row(1, [reason("value.type", "value"), reason("at.required", "at")], key="é".encode(), version="1.10.0"),
    row(2, [reason("tags[].pattern", "tags[3]")], key=b"\xff"),
    row(3, [reason("hot_and_wet", "temperature,humidity")], version="2.0.0"),
    row(4, [reason("a%b", "x")], partition=7),
    row(5, None),
]
WARNED = {**reason("value.warn.range", "value"), "severity": "warn"}


class Held:
    """A sink that holds these rows."""

    def __init__(self, rows, schema=SCHEMA):
        self.table = pa.Table.from_pylist(rows, schema)

    def rows(self, columns=None):
        yield from (self.table.select(columns) if columns else self.table).to_batches()


def outcome(offset, what, run="replay-1"):
    return {"outcome": what, "run": run, "_stillwell": {"partition": 0, "offset": offset}}


def chosen(*texts, outcomes=(), **told):
    choice = Choice(Selection.parse(texts), Held(list(outcomes), OUTCOMES), **told)
    found = [choice.of(batch) for batch in Held(ROWS).rows()]
    choice.close()
    return [offset for mask in found for offset, hit in enumerate(mask) if hit]


@pytest.mark.parametrize(
    ("texts", "offsets"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        (["rule=value.range"], [0]),
        (["rule=value.*"], [0, 1]),
        (["rule=value.range", "rule=at.required"], [0, 1]),
        (["rule=VALUE.range"], []),
        (["rule=a%b"], [4]),
        (["rule=a*b"], [4]),
        (["rule=%"], []),
        (["rule=hot_and_wet"], [3]),
        (["rule=hot?and_wet"], []),
        (["field=value"], [0, 1]),
        (["field=humidity"], [3]),
        (["field=tags[]"], [2]),
        (["field=tags[9]"], [2]),
        (["field=tag*"], [2]),
        (["rule=value.type", "field=at"], []),
        (["rule=at.required", "field=at"], [1]),
        (["version=1.0.0"], [0, 2, 4, 5]),
        (["version=1.*"], [0, 1, 2, 4, 5]),
        (["key=a"], [0]),
        (["key=é"], [1]),
        (["partition=7"], [4]),
        (["partition=0", "offset=3..9"], [3, 5]),
        (["offset=2", "offset=4"], [2, 4]),
        (["since=2026-01-01T02:00:00Z"], [2, 3, 4, 5]),
        (["since=2026-01-01T02:00:00Z", "until=2026-01-01T04:00:00Z"], [2, 3]),
        (["since=2026-01-01T03:00:00+01:00", "until=2026-01-01T03:00"], [2]),
    ],
)
def test_each_key_chooses_and_all_keys_must_hold(texts, offsets):
    assert chosen(*texts) == offsets


def test_a_warning_is_no_reason_to_be_here():
    choice = Choice(Selection.parse(["rule=value.*"]), Held([], OUTCOMES))
    [batch] = Held([row(0, [reason("at.type", "at"), WARNED]), row(1, [reason("value.type", "value")])]).rows()
    assert choice.of(batch).tolist() == [False, True]


def test_states_follow_from_all_outcomes_but_those_that_are_left_out():
    told = [outcome(0, "failing"), outcome(1, "failing"), outcome(1, "passed", "replay-2"), outcome(2, "expired")]
    told += [outcome(3, "expired"), outcome(3, "passed")]
    states = {state: chosen(f"state={state}", outcomes=told) for state in STATES}
    assert states == {"open": [0, 4, 5], "new": [4, 5], "failing": [0], "passed": [1, 3], "expired": [2]}
    assert chosen("state=open", outcomes=told, without=["replay-2"]) == [0, 1, 4, 5]
    assert chosen("state=new", "state=passed", outcomes=told) == [1, 3, 4, 5]


def test_only_places_below_an_end_are_chosen():
    assert chosen(upto={0: 3, 7: 5}) == [0, 1, 2, 4]
    assert chosen(upto={}) == []
