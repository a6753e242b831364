"""What goes into the kernel and what comes out: all that an engine must know of it.

Out come the accepted rows, typed; the quarantined rows, verbatim, with reasons; the tally; the facts of each partition.
Both tables carry the struct `_stillwell`, so that a row can always be traced to its record.

A batch is an Arrow table with one row a record, in the order of offsets within each partition:

| column | type | meaning |
|---|---|---|
| `partition` | int32 | which partition |
| `offset` | int64 | place in the partition; rises, need not be without gaps |
| `payload` | binary or large_binary, nullable | the bytes, verbatim (null for a tombstone) |
| `record` | struct | instead of `payload`, where the source is already typed |
| `ingest_time` | timestamp[us, UTC] | optional: when the transport took it |
| `key` | binary | optional: the message's key |
| `topic` | string | optional: the topic, file or table it came from |
| `via` | string | optional: the replay that it comes by, null for what comes from the source itself |

Delimited text names its columns in the schema's metadata, as JSON under `COLUMNS`. Further columns are the source's own
and are ignored by the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from stillwell.kernel.digest import Facts
from stillwell.kernel.tally import Tally

COLUMNS = b"stillwell.columns"

INGEST = pa.timestamp("us", tz="UTC")

REASON = pa.struct(
    [
        pa.field("rule", pa.string()),
        pa.field("field", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("seen", pa.string()),
        pa.field("expected", pa.string()),
    ]
)
"""Why: rule, field (several: comma between), severity, what was seen (masked where sensitive), what was expected."""

REPAIR = pa.struct([pa.field("rule", pa.string()), pa.field("field", pa.string()), pa.field("before", pa.string())])
"""A value that was mended: the rule that asked for it, the field, the value before."""

TRACE = [
    pa.field("topic", pa.string()),
    pa.field("partition", pa.int32()),
    pa.field("offset", pa.int64()),
    pa.field("ingest_time", INGEST),
    pa.field("contract", pa.string()),
    pa.field("version", pa.string()),
]
"""Where a row came from and which contract judged it; the beginning of both `_stillwell` structs."""

ACCEPTED_TRACE = pa.struct(
    [
        *TRACE,
        pa.field("via", pa.string()),
        pa.field("warnings", pa.list_(REASON)),
        pa.field("repairs", pa.list_(REPAIR)),
    ]
)
"""`via` names the replay that brought the row here out of the quarantine; null for a row that came straight."""

QUARANTINE_TRACE = pa.struct(TRACE)


NOTHING = pa.table(
    {"partition": pa.array([], pa.int32()), "offset": pa.array([], pa.int64()), "payload": pa.array([], pa.binary())}
)
"""A batch without records."""


@dataclass(frozen=True)
class Format:
    """How payload bytes are to be read: `name` is json, csv or arrow; `options` are that decoder's keys.

    For csv: `delimiter` (default `,`), `quote` (default `"`, empty for none), `header` (a list of column names where
    the data has none).
    """

    name: str = "json"
    options: Mapping[str, Any] = field(default_factory=dict)


ACCEPTED, WARNED, QUARANTINED = 0, 1, 2
"""The labels of `Judged.verdicts`; WARNED is accepted with warnings or repairs."""


@dataclass(frozen=True)
class Stop:
    """The first record of a batch that broke a rule of severity `fail`."""

    rule: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Judged:
    """What the kernel says of a batch of n records.

    `verdicts` (uint8, length n, in the order of the batch) labels every record, `accepted` and `quarantined` hold the
    rows in the same order, `facts` has an entry per partition, `stop` is set when a `fail` rule was broken. `by_key`
    counts records and failures by hour and key, where that was asked for.
    """

    accepted: pa.Table
    quarantined: pa.Table
    verdicts: pa.UInt8Array
    tally: Tally
    facts: Mapping[int, Facts]
    stop: Stop | None = None
    by_key: Tally | None = None

    @property
    def read(self) -> int:
        """How many records were judged: always accepted plus quarantined."""
        return len(self.verdicts)

    def __repr__(self) -> str:
        """What a person wants to know first: the counts, and which rules were broken how often."""
        counts = f"read {self.read:,} = accepted {len(self.accepted):,} + quarantined {len(self.quarantined):,}"
        return counts + "".join(f"\n  {rule}  {count:,}" for rule, count in rule_counts(self).items())


def rule_counts(judged: Judged) -> Mapping[str, int]:
    """How many records broke each rule that any record broke, most first."""
    return dict(sorted(judged.tally.failures().items(), key=lambda item: -item[1]))
