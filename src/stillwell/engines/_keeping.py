"""Brings what keeps tallies up to what sinks hold, before a run goes on; the same on engines that commit themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from stillwell.contract.load import parse
from stillwell.delivery.again import Readable, Rejudge
from stillwell.delivery.commit import Delivery
from stillwell.delivery.memory import Memory
from stillwell.delivery.recovery import keep_up
from stillwell.engines.base import Job
from stillwell.errors import StillwellError
from stillwell.kernel import Kernel


def let_keep_up(job: Job, delivery: Delivery, source: Readable, kernel: Kernel, make: Callable[..., Kernel]) -> None:
    """Bring keepers up to what every sink holds: what an earlier run wrote, and was killed before they had it."""
    unkept = delivery.unkept()
    if not unkept:
        return
    ledger = job.accepted[0].ledger()
    memory = Memory(job.contract, job.state, job.keys)
    rejudge = Rejudge(ledger, kernel, make, memory)
    first = parse(ledger.contract_text(unkept[0].contract))
    with contextlib.suppress(StillwellError):
        # Where it is lost what sequence rules remembered, it shows: the facts are others, and nothing is kept.
        memory.take_up(delivery.before(unkept[0]), first)
    keep_up(delivery, source, rejudge)
