"""The totals of a run are those of its epochs, and a gap counts once."""

from __future__ import annotations

from stillwell.api import as_batch
from stillwell.contract.load import parse
from stillwell.delivery.slice import Gap
from stillwell.engines._count import Count
from stillwell.kernel import Kernel

KERNEL = Kernel(
    parse("contract: c\nversion: 1.0.0\nfields:\n  id: {type: integer, max: 5, warn: {max: 3}}\n"), threads=1
)


def test_epochs_add_up() -> None:
    count = Count()
    gap = Gap(0, 5, 9)
    count.miss([gap])
    count.add(KERNEL.judge(as_batch([{"id": 1}, {"id": 4}, {"id": 9}])), [gap], recovered=True)
    count.add(KERNEL.judge(as_batch([{"id": 2}])), [], recovered=False)
    summary = count.summary(interrupted=True)
    assert (summary.read, summary.accepted, summary.quarantined, summary.warned) == (4, 3, 1, 1)
    assert (summary.epochs, summary.recovered, summary.interrupted, summary.gaps) == (2, 1, True, (gap,))
    assert summary.conserved
    assert summary.tally is not None
    assert summary.tally.count("read") == 4


def test_without_an_epoch_there_is_no_tally() -> None:
    assert Count().summary(interrupted=False).tally is None
