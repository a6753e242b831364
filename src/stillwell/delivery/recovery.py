"""Recovery: what a dead run had declared is read and judged again, and each sink takes what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from stillwell.delivery.again import Readable, read_again
from stillwell.delivery.commit import Delivery
from stillwell.delivery.intent import Intent
from stillwell.errors import StillwellError, fail
from stillwell.kernel import Judged


def keep_up(delivery: Delivery, source: Readable, judge: Callable[[pa.Table, Intent], Judged]) -> None:
    """Let keepers have the epochs that every sink holds and they lack; of what is gone by now, that it is gone."""
    for intent in delivery.unkept():
        batch = read_again(source, intent)
        judged = judge(batch, intent) if len(batch) else None
        same = judged is not None and all(judged.facts.get(part.partition) == part.facts for part in intent.slices)
        delivery.keep(intent, judged if same else None)


def recover(
    delivery: Delivery, source: Readable, judge: Callable[[pa.Table, Intent], Judged]
) -> Iterator[tuple[Intent, pa.Table, Judged]]:
    """Finish every unfinished intent; gives each with its records and verdicts once it is written.

    Raises:
        StillwellError: code `source-changed`, when the source no longer gives the records that the intent was about.
    """
    for intent in delivery.unfinished():
        batch = read_again(source, intent)
        judged = judge(batch, intent) if len(batch) else None
        if judged is None or any(judged.facts.get(part.partition) != part.facts for part in intent.slices):
            raise fail(
                StillwellError,
                "source-changed",
                f"Some sink still lacks what was declared of {_ranges(intent)}, and {intent.source} no longer gives "
                "these records as they were.",
                "Bring the source back as it was, or give the pipeline another name and other sinks to start anew.",
            )
        delivery.settle(intent, judged)
        yield intent, batch, judged


def _ranges(intent: Intent) -> str:
    return ", ".join(
        f"partition {part.partition} offsets {part.start.offset:,} to {part.end.offset:,}" for part in intent.slices
    )
