"""What an engine must know: it takes a `Job`, moves every record through the kernel into the sinks, tells how it goes.

An engine is one file of this folder, named after what the kernel runs on, with a class `Engine`. Delivery (intents,
marks, recovery) is not its own: it is the same for every engine and lies in `stillwell.delivery`. What an engine cannot
do it says as data, by the names of `stillwell.engines._features`: a plan refuses it, and `docs/reference/support.md` is
made of it.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors.base import Sink, Source
from stillwell.contract.model import Contract
from stillwell.delivery.commit import Keeper
from stillwell.delivery.slice import Gap
from stillwell.kernel import Kernel
from stillwell.kernel.base import Judged, Stop
from stillwell.kernel.sequence.history import MOST_KEYS
from stillwell.kernel.tally import Tally


@dataclass(frozen=True)
class EpochLimits:
    """An epoch closes at whichever comes first: so many records, bytes of payload, or so long a wait."""

    records: int = 250_000
    bytes: int = 64 * 1024 * 1024
    wait: dt.timedelta = dt.timedelta(seconds=2)


@dataclass(frozen=True)
class Job:
    """A planned pipeline: everything that an engine needs to run it, already checked.

    `accepted[0]` holds the ledger. `window` and `group` are those of the tally, `by_key` the fields by
    which it is counted by the hour too; `memory` bounds the kernel (for example
    "1GiB"); `hash_key` is the key of sensitive fields that are hashed; a sink that fails is tried again for `patience`;
    of each partition so many `keys` are remembered. `another` makes the same source once more, unopened; it can be
    pickled, so that other processes read too. `keepers` take what each epoch counted.
    """

    pipeline: str
    contract: Contract
    source: Source
    accepted: tuple[Sink, ...]
    quarantine: tuple[Sink, ...]
    state: Path
    epoch: EpochLimits = EpochLimits()
    memory: str | None = None
    window: dt.timedelta = dt.timedelta(minutes=1)
    group: tuple[str, ...] = ()
    by_key: tuple[str, ...] = ()
    hash_key: bytes | None = field(default=None, repr=False)
    patience: dt.timedelta = dt.timedelta(0)
    keys: int = MOST_KEYS
    another: Callable[[], Source] | None = field(default=None, compare=False)
    keepers: tuple[Keeper, ...] = field(default=(), compare=False)

    def kernel(self, contract: Contract | None = None, threads: int | None = None) -> Kernel:
        """What judges the records of this job, by its contract or by another; `threads` of it, None for one a core."""
        return Kernel(
            contract or self.contract,
            format=self.source.format,
            window=self.window,
            group=self.group,
            by_key=self.by_key,
            hash_key=self.hash_key,
            threads=threads,
            memory=self.memory,
        )


@dataclass(frozen=True)
class Progress:
    """One epoch that was written: its records as they were read, what the kernel said, and how things stand.

    `batch` is None where records were read in another process and only their verdicts came back. `lag` is in records,
    None when unknown; `recovered` tells an epoch that an earlier run had declared.
    """

    batch: pa.Table | None
    judged: Judged
    lag: int | None
    recovered: bool


Watch = Callable[[Progress], None]
"""Called once for every epoch after it is written; it must be quick."""


@dataclass(frozen=True)
class Summary:
    """How a run ended. Counts are of this run alone; `tally` is the total over its windows, None if nothing was read.

    `stopped` is the `fail` rule that ended it; `interrupted` is true when it was asked to stop before the source ended;
    `gaps` are offsets that the source no longer had when they were due; `forgotten` are keys that sequence rules had to
    forget, as there were more than the job allows.
    """

    read: int
    accepted: int
    quarantined: int
    warned: int
    repaired: int
    epochs: int
    recovered: int
    seconds: float
    tally: Tally | None
    stopped: Stop | None
    interrupted: bool
    gaps: tuple[Gap, ...] = ()
    forgotten: int = 0

    @property
    def conserved(self) -> bool:
        """Law 1, by the numbers of this run; `audit` proves it from source, ledger and sinks."""
        return self.read == self.accepted + self.quarantined


@dataclass(frozen=True)
class Cannot:
    """Why an engine cannot do something, and the way out: two sentences."""

    why: str
    fix: str


@dataclass(frozen=True)
class Step:
    """A step of a job: what is done, where it runs, and what state it keeps there (empty for none)."""

    what: str
    where: str
    state: str = ""


@runtime_checkable
class Clearing(Protocol):
    """What an engine also has whose killed runs leave something open that keeps others from reading the sinks."""

    def clear(self, job: Job) -> None:
        """End it; comes before the doors are tried."""
        ...


@runtime_checkable
class Forewarning(Protocol):
    """What an engine also has that knows what a person should hear before a job runs."""

    def warnings(self, job: Job) -> Sequence[str]:
        """A sentence or two each."""
        ...


class Engine(Protocol):
    """Runs jobs. `Options` are its keys in pipeline.yml; `cannot` says by feature what it does not do."""

    Options: ClassVar[type[BaseModel]]
    cannot: ClassVar[Mapping[str, Cannot]]

    def __init__(self, options: BaseModel) -> None: ...

    def check(self, job: Job) -> None:
        """Refuse, with `not-supported`, what this engine cannot do for this job beside what `cannot` says."""
        ...

    def steps(self, job: Job) -> Sequence[Step]:
        """What runs where, in the order in which a record meets it. Opens nothing."""
        ...

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run until the source has finished, a `fail` rule is broken, or `stop` is set; finish the open epoch first.

        Raises:
            StillwellError: when a source or sink fails; what is committed stays, and a new run goes on after it.
        """
        ...
