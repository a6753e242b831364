"""What an author of a connector must know: a `Source` reads batches, a `Sink` writes rows together with marks.

A connector is one file of this folder, named after what it connects to, with a class `Source`, a class `Sink`, or both.
Each has a pydantic model `Options` (its keys in pipeline.yml) and is built as `Source(options, place)`.
Building does no I/O; `check` tries the door and writes nothing; `open` opens. Optional libraries are
imported by `need` inside the method that opens them. Every problem is a `ConnectorError` of one shape.

What a batch is, and what a format: `stillwell.kernel.base`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stillwell.delivery.ledger import Ledger
from stillwell.delivery.slice import Gap, Marks, Position
from stillwell.kernel.base import Format


class Options(BaseModel):
    """The keys of a connector in pipeline.yml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Place:
    """Where a pipeline lives: its name, the folder that relative paths start from, and its state folder."""

    pipeline: str
    folder: Path
    state: Path

    def path(self, text: str) -> Path:
        """A path of the pipeline file as an absolute one."""
        return (self.folder / text).absolute()


@dataclass(frozen=True)
class Chunk:
    """Some records (a batch as above) and, for each partition in them, where reading goes on after them.

    `gaps` are offsets that were due and that the source no longer has. Each lies before records of its partition that
    come in this chunk or in a later one; `ends` of a chunk without records may lie behind offsets that hold none.
    """

    table: pa.Table
    ends: Mapping[int, Position]
    gaps: tuple[Gap, ...] = ()


class Source(Protocol):
    """Reads records; the same positions always give the same records, unless `replayable` is false.

    `replayable` and `format` are known after building, `identity` after `open`: what the offsets belong to,
    such that something else under the same name has another identity.

    One that says `keyed = True` has records in the partitions that their writers chose, as a rule by a message's key.

    One of typed records also has a property `record_type`, the struct of the column `record`, which opens nothing:
    by it the quarantine is made ready. None stands for bytes, and for what nobody knows yet. One whose records are in
    the memory of this process says `in_process = True`.
    """

    Options: ClassVar[type[BaseModel]]
    replayable: bool

    def __init__(self, options: Any, place: Place) -> None: ...

    @property
    def identity(self) -> str:
        """What the offsets belong to (cluster and topic id, table id, the path of a glob)."""
        ...

    @property
    def format(self) -> Format:
        """How the kernel must decode this source's records."""
        ...

    def check(self) -> str:
        """Try the door, write nothing; one line that says what would be read."""
        ...

    def open(self) -> None:
        """Open, so that `identity` is known."""
        ...

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Start after what was read before, by partition; a partition that is absent starts at its beginning."""
        ...

    def read(self, records: int) -> Chunk | None:
        """The next chunk of about `records`, never blocking longer than a second; None when there is nothing now."""
        ...

    @property
    def finished(self) -> bool:
        """True once everything was read and nothing more will come."""
        ...

    def lag(self) -> int | None:
        """Records (estimated) that wait to be read, or None when this cannot be known."""
        ...

    def close(self) -> None:
        """Give everything back; may be called twice, and from another thread than `read`."""
        ...


@runtime_checkable
class Split(Protocol):
    """What a source also has whose partitions several processes can read side by side, each a few of them."""

    def partitions_there(self) -> Collection[int]:
        """The partitions that there are now, after `open`; more may come to be."""
        ...

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        """As `seek`, and of partitions that are not named nothing is read."""
        ...


@runtime_checkable
class Parted(Protocol):
    """What a source also has that knows how much is left, and can leave partitions out."""

    @property
    def left(self) -> Mapping[int, int]:
        """Offsets that are left to be read, by partition, of a source that ends; those that are done are not named."""
        ...

    def seek(self, positions: Mapping[int, Position]) -> None:
        """As every source."""
        ...

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        """As `seek`, and of partitions that are not named nothing is read."""
        ...


@runtime_checkable
class Waiting(Protocol):
    """What a source also has that may have to wait for others."""

    @property
    def waits(self) -> str:
        """For what nothing can be read now, in words; empty where it is not so. Asked from any thread."""
        ...


@runtime_checkable
class Informed(Protocol):
    """What a source also has that wants to know what was committed."""

    def committed(self, ends: Mapping[int, Position]) -> None:
        """Every sink holds what lies before these positions; another thread than `read` says so. Must be quick."""
        ...


@runtime_checkable
class Shared(Protocol):
    """What a source also has whose partitions it shares with other processes; they come and go while `read` is called.

    A term is a time in which the partitions stay the same. After `open` there is none; `read` gives None until one
    begins, which is when `term` rises. Then `partitions` are ours, and nothing of them is read before `seek`, which
    names only them.
    """

    def join(self, let_go: Callable[[bool], None]) -> None:
        """Take part from now on; comes after `open`, and before the first `read`.

        `let_go(lost)` is called from inside `read` before partitions are given up, so that what was read of them can
        still be committed; with `lost` they are somebody else's already, and nothing more may be committed for them.
        """
        ...

    @property
    def term(self) -> int:
        """How many times partitions were taken up so far."""
        ...

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are ours in this term; perhaps none."""
        ...

    def idle(self) -> None:
        """Show that we are still there while nothing more can be taken; what `read` would give next stays the same."""
        ...


class Sink(Protocol):
    """Writes rows and marks in one atomic step; it is the sink's marks that say what was written.

    After kill -9 at any instant, `marks` and the rows agree: either both hold an epoch or neither. A class that says
    `shared = True` lets several processes write, each its own marks; one that says `shared_ledger = True` has a ledger
    of which that is true. A source whose partitions are shared needs the former of each sink, the latter of the first.
    One whose rows go after a time can say which are gone (`stillwell.delivery.forgotten.Forgetful`).
    """

    Options: ClassVar[type[BaseModel]]

    def __init__(self, options: Any, place: Place) -> None: ...

    def check(self, schema: pa.Schema) -> str:
        """Try the door, write nothing (and create nothing); one line that says what would be written."""
        ...

    def open(self, schema: pa.Schema) -> None:
        """Create what is missing and refuse (code `sink-schema`) a table that has another schema."""
        ...

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name, read anew from what is stored."""
        ...

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Add the rows (perhaps none) and move the marks, both or neither.

        Raises:
            Fenced: when a stored mark (0 when absent) is not the expected one; nothing is written then.
        """
        ...

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything that is stored, for `audit`; only these columns, if given."""
        ...

    def ledger(self) -> Ledger:
        """The ledger that lives beside this sink."""
        ...

    def close(self) -> None:
        """Give everything back; may be called twice."""
        ...


@runtime_checkable
class Neighbour(Protocol):
    """What a sink also has that can give another one of its kind a place: for the outcomes of quarantined records."""

    def beside(self, name: str) -> Sink:
        """A sink for what belongs to this one: beside it, and of the same options. Building it does no I/O."""
        ...


@runtime_checkable
class Erasable(Protocol):
    """What a sink also has from which rows can be removed: a quarantine that may expire."""

    def erase(self, places: pa.Table) -> None:
        """Remove the rows whose `_stillwell` names one of these places (partition int32, offset int64).

        Marks stay where they are, and so do rows that are written meanwhile. Places without a row are passed over, so
        that an erasure which was killed can be done again; it need not be one atomic step.
        """
        ...
