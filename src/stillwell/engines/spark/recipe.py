"""What a run tells its executors, and what they answer: a recipe once, a part for each task, a report from each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from stillwell.connectors.base import Source
from stillwell.delivery.saves import Saved
from stillwell.delivery.slice import Gap, Position
from stillwell.engines.base import EpochLimits
from stillwell.errors import Problem, StillwellError
from stillwell.kernel.base import Stop
from stillwell.kernel.digest import Facts
from stillwell.kernel.sequence.history import MOST_KEYS
from stillwell.kernel.tally import Tally


@dataclass(frozen=True)
class Recipe:
    """All that another process needs to read and judge for one run. It travels pickled, and is written nowhere.

    `folder` is the run's own, seen by every process under the same path. `limits` are those of one task; `tasks` is how
    many there may be at a time, None for one a partition. `positions` is where the run starts. A source that is away is
    tried again for `patience`.
    """

    folder: Path
    another: Callable[[], Source]
    contract: str
    limits: EpochLimits
    positions: Mapping[int, Position]
    tasks: int | None
    threads: int
    window: dt.timedelta
    patience: dt.timedelta = dt.timedelta(0)
    group: tuple[str, ...] = ()
    memory: str | None = None
    state: Path = Path()
    keys: int = MOST_KEYS
    words: Mapping[int, str] = field(default_factory=dict)
    hash_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Part:
    """What one task reads of epoch `epoch`: from `positions` on; `only` these partitions, or everything there is.

    `clock` is that of the epoch: the ingest time of records whose envelope has none. `words` are those under which it
    was saved at `positions` what sequence rules remember; a partition without one begins.
    """

    epoch: int
    number: int
    positions: Mapping[int, Position]
    only: bool
    clock: dt.datetime
    words: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a task did: positions after its records, and what the kernel said beside the rows, which are staged.

    `accepted` and `quarantined` name the files of the rows (empty where nothing was read), `saved` tells what was saved
    of sequence rules' memory at `ends`. `gaps` are those that were met, also where no record came behind one yet.
    `finished` says that there is nothing more to read; `failure` what kept the task from its work, with the kind of
    error. `judged` counts all records that this process (`process`) ever judged for this run: no record may be judged
    twice.
    """

    part: Part
    process: str
    judged: int
    finished: bool
    versions: Mapping[str, str]
    ends: Mapping[int, Position] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    columns: str = ""
    lag: int | None = None
    accepted: str = ""
    quarantined: str = ""
    verdicts: pa.UInt8Array | None = None
    facts: Mapping[int, Facts] = field(default_factory=dict)
    tally: Tally | None = None
    saved: Saved = field(default_factory=Saved)
    stop: Stop | None = None
    failure: tuple[type[StillwellError], tuple[Problem, ...]] | None = None

    @property
    def read(self) -> int:
        """How many records."""
        return 0 if self.verdicts is None else len(self.verdicts)
