"""What parity found, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.parity.hosts import hosts

_PAGE = """# Parity

One contract and one stream get the same answer on every engine: `make parity` proves it, and this is what it said. Made by
`make parity STREAMS={streams} SEED={seed} TABLE=docs/parity.md` at commit `{commit}`.

All cases of `tests/cases/` (contracts, timed arrivals, restarts) run in one process on each engine, on
Flink as one job. Then {streams} generated
contracts with their streams, in topics of Kafka with four partitions each, are judged by real pipelines, two tasks side by
side: sensors with faults, odd JSON and odd delimited text by the generator of [fuzz/](../fuzz/README.md). Every fourth run
is stopped after its first epoch and goes on. Compared with the embedded engine are: of each record the verdict, the
typed row, the bytes in quarantine, reasons, warnings and repairs, to the letter; the ledger with its checksums; the tally,
counts and histograms exactly, sums of doubles to a billionth.

| engines | cases | streams | with sequence rules, on all | records on each | rejected | differences |
|--:|--:|--:|--:|--:|--:|--:|
| {engines} | {cases} | {streams} | {sequence} | {records:,} | {rejected:.0%} | {differences} |

Each engine runs in a time zone and a locale of its own, and Spark with its ANSI rules and without:

| | time zone | locale told to Java | settings | differences |
|---|---|---|---|--:|
{hosts}

Rules of severity `fail` are left to the cases, as it depends on epochs where they stop a run. Sequence rules are drawn only
where more than one engine says that it can judge them ([support](reference/support.md)).

`make parity MUTATE=flink` lets one engine judge one stream by a contract in which one bound is another; there must then
be differences, or it ends with exit code 1.
"""


def table(found: Mapping[str, Any]) -> str:
    """The page."""
    lines = [
        f"| {host.name} | {host.world.get('TZ', '')} | {'_'.join(host.java)} "
        f"| {', '.join(f'`{key}={value}`' for key, value in host.session.items())} "
        f"| {found['differences_by_host'].get(host.name, 0)} |"
        for host in hosts()
        if host.name in found["hosts"]
    ]
    sequence = min(found["streams_with_sequence_rules"].values())
    return _PAGE.format(**{**found, "hosts": "\n".join(lines), "sequence": sequence})
