"""`stillwell quarantine show`: quarantined records, why they were rejected, and what replays said of them."""

from __future__ import annotations

import base64
import json as json_text
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from stillwell.cli._pipeline import planned
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.cli.quarantine._asked import File, Settings, Where, instant, meant, moment
from stillwell.delivery.outcomes import PASSED
from stillwell.pipeline.quarantine.listing import Shown, sensitive
from stillwell.pipeline.quarantine.listing import shown as looked_up

_HIDDEN = "***"
_LONGEST = 2_000


def show(
    pipeline: File = None,
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many records at most.")] = 10,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show payloads and keys though the contract has sensitive fields.")
    ] = False,
    settings: Settings = None,
    json: Json = False,
) -> Outcome:
    """Show quarantined records, with reasons and outcomes.

    The first ones by partition and offset, as far as they have not expired. Where the contract has sensitive fields, or
    one that records were judged by, payload and key are hidden. Exit code: 0.
    """
    output = Output(json=json)
    made = planned(pipeline, settings or (), output)
    hidden = not reveal and sensitive(made)
    found = looked_up(made, meant(where), limit)
    for record in found:
        _say(record, output, hidden=hidden)
        output.emit("quarantined", _plain(record, hidden=hidden))
    if not found:
        output.say("no such record")
    elif hidden:
        output.say(output.paint("There are sensitive fields: --reveal shows payloads and keys.", "dim"))
    return Outcome.YES


def _state(record: Shown) -> str:
    if any(one["outcome"] == PASSED for one in record.outcomes):
        return PASSED
    return "failing" if record.outcomes else "new"


def _say(record: Shown, output: Output, *, hidden: bool) -> None:
    trace = record.row["_stillwell"]
    place = f"partition {trace['partition']} offset {trace['offset']:,}"
    judged = f"{trace['contract']} {trace['version']}"
    topic = [shown(trace["topic"])] if trace["topic"] else []
    state = _state(record)
    head = " · ".join([*topic, moment(trace["ingest_time"]), judged, output.paint(state, _STYLES[state])])
    output.say(f"{output.paint(place, 'bold')}  {head}")
    for name, value in _content(record.row, hidden=hidden).items():
        text = value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False, default=str)
        cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
        output.say(f"  {name.ljust(8)}  {shown(cut)}")
    for reason in record.row["reasons"] or ():
        output.say(f"  {_mark(reason, output)} {_told(reason)}")
    for one in record.outcomes:
        by = f"{one['run']} · {moment(one['at'])} · {one['_stillwell']['contract']} {one['_stillwell']['version']}"
        output.say(f"  {by} · {one['outcome']}")
        for reason in one["reasons"] or ():
            output.say(f"    {_mark(reason, output)} {_told(reason)}")


_STYLES = {"passed": "good", "failing": "bad", "new": "warn"}


def _mark(reason: Mapping[str, Any], output: Output) -> str:
    return output.paint("!", "warn") if reason["severity"] == "warn" else output.paint("✗", "bad")


def _told(reason: Mapping[str, Any]) -> str:
    saw = "nothing" if reason["seen"] is None else shown(reason["seen"])
    return f"{shown(reason['rule'])}: saw {saw}, expected {shown(str(reason['expected']))}"


def _content(row: Mapping[str, Any], *, hidden: bool) -> dict[str, Any]:
    """Payload and key, or the typed record; bytes that are no text as base64 under a name of their own."""
    found: dict[str, Any] = {}
    for name in ("payload", "key", "record"):
        value = row.get(name)
        if value is None:
            if name == "payload" and name in row:
                found[name] = None
        elif hidden:
            found[name] = _HIDDEN
        elif isinstance(value, bytes):
            try:
                found[name] = value.decode()
            except UnicodeDecodeError:
                found[f"{name}_base64"] = base64.b64encode(value).decode()
        else:
            found[name] = json_text.loads(json_text.dumps(value, default=str))
    return found


def _plain(record: Shown, *, hidden: bool) -> dict[str, Any]:
    trace = record.row["_stillwell"]
    return {
        **{name: trace[name] for name in ("topic", "partition", "offset", "contract", "version")},
        "ingest_time": instant(trace["ingest_time"]),
        "state": _state(record),
        **_content(record.row, hidden=hidden),
        "reasons": record.row["reasons"] or [],
        "outcomes": [
            {
                "outcome": one["outcome"],
                "run": one["run"],
                "at": instant(one["at"]),
                "contract": one["_stillwell"]["contract"],
                "version": one["_stillwell"]["version"],
                "reasons": one["reasons"] or [],
            }
            for one in record.outcomes
        ],
    }
