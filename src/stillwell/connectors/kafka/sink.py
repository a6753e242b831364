"""Rows and dead letters to a topic: those of each source partition in one transaction with its mark, beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field, field_validator, model_validator

from stillwell.connectors import base
from stillwell.connectors._schema import fitted
from stillwell.connectors.base import Place
from stillwell.connectors.kafka import ledger
from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.ledger import KafkaLedger
from stillwell.connectors.kafka.letters import Letters, are_letters
from stillwell.connectors.kafka.marks import Hands
from stillwell.connectors.kafka.marks import Marks as TopicOfMarks
from stillwell.connectors.kafka.native import NativeSink
from stillwell.connectors.kafka.rows import Rows, keyed
from stillwell.connectors.kafka.setup import LASTING, Made, Setup, missing
from stillwell.connectors.kafka.store import Store
from stillwell.connectors.kafka.transaction import DEFAULTS, LARGEST, OWN, Message
from stillwell.delivery.forgotten import NOTHING, Forgotten
from stillwell.delivery.slice import Marks
from stillwell.errors import BadOption, ConnectorError, StillwellError, did_you_mean, fail
from stillwell.kernel.program import TRACE_COLUMN

_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,220}")
_SCAN = 15.0
"""Seconds within which brokers notice that a transaction's time is over, and then some."""


class Create(base.Options):
    """How missing topics are made: what is absent is as the brokers do by themselves; `config` are topic settings."""

    partitions: Annotated[int, Field(ge=1)] | None = None
    replication: Annotated[int, Field(ge=1)] | None = None
    config: dict[str, str | int | float | bool] = Field(default_factory=dict)


class SinkOptions(Access):
    """Where rows go, and how.

    Attributes:
        topic: its name. The marks are in the topic `marks`, by default `TOPIC.marks`, the ledger in `TOPIC.ledger`.
        key: the field whose value becomes a message's key. Dead letters keep the key they came with.
        create: whether topics that are missing are made, and how.
        compression: of the messages.
        transaction: seconds after which the brokers end a transaction whose writer is dead; no epoch may take longer.
    """

    topic: str
    key: str | None = None
    marks: str | None = None
    create: bool | Create = True
    compression: Literal["lz4", "zstd", "snappy", "gzip", "none"] = "lz4"
    transaction: float = Field(30.0, ge=1, le=900)

    @field_validator("topic", "marks")
    @classmethod
    def _possible(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            fix = "Write letters, digits, `.`, `_` and `-`, up to 220 of them."
            raise BadOption(f"`{name}` is no name of a topic", fix)
        return name

    @model_validator(mode="after")
    def _apart(self) -> SinkOptions:
        if self.topic == self.marks:
            raise BadOption("marks need a topic of their own", "Name another, or leave `marks` out.")
        for key, why in {
            "compression.type": "write `compression`",
            **dict.fromkeys(OWN, "the sink relies on it"),
        }.items():
            if key in self.config:
                raise BadOption(f"`{key}` cannot be set here: {why}", f"Take `{key}` out of `config`.")
        return self


class Sink:
    """A transaction for each mark: so writers of different partitions go on side by side, and each fences its own."""

    Options: ClassVar[type[BaseModel]] = SinkOptions
    shared: ClassVar[bool] = True
    shared_ledger: ClassVar[bool] = KafkaLedger.shared

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._options = options
        self._place = place
        self._cluster = Cluster(options, place)
        wait = options.transaction + _SCAN
        self._rows = Store(self._cluster, options.topic, wait)
        self._beside = beside = Store(self._cluster, options.marks or f"{options.topic}.marks", wait)
        self._books = Store(self._cluster, f"{options.topic}.ledger", wait)
        self._hands = Hands(self._cluster, _keys(options), options.transaction, self._look)
        self._marks = TopicOfMarks(self._hands, beside, options.topic)
        self._setup = Setup(self._cluster, self._rows, beside, self._marks, _made(options.create))
        self._ledgers: list[KafkaLedger] = []
        self._schema: pa.Schema | None = None

    def check(self, schema: pa.Schema) -> str:
        """Whether the cluster lets us in, and the topics are there (or may be made) and can hold these rows."""
        _refuse_key(self._options.key, schema)
        return self._setup.check(schema)

    def open(self, schema: pa.Schema) -> None:
        """Make the topics that are missing."""
        _refuse_key(self._options.key, schema)
        self._hands.writes = True
        self._schema = self._setup.make(schema)

    def marks(self) -> Mapping[str, int]:
        """The marks that are committed."""
        return self._marks.all()

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Write the rows of each mark's partition and move the mark, in a transaction for each mark.

        Raises:
            Fenced: when a mark is not the expected one; or when another writer took a partition over, in which case
                other marks may have moved, each with its rows.
        """
        assert self._schema is not None, "open comes first"
        form, parts = _form(self._schema, self._options.key), _split(fitted(rows, self._schema), marks)
        work: dict[str, Callable[[], Iterable[Message]]] = {
            name: partial(form.messages, part) for name, part in parts.items()
        }
        self._marks.write(marks, work, partial(self._explain, rows, form))

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row that is committed; a message of somebody else is a row of nulls."""
        said = self._setup.said()
        if said is None:
            return
        form = _form(said.schema, None)
        for batch in self._rows.batches():
            yield from form.table(batch, columns or said.schema.names).combine_chunks().to_batches()

    def forgotten(self) -> Forgotten:
        """What the retention of the topic took."""
        gone = {partition: begin for partition, begin in self._rows.begins().items() if begin}
        said = self._setup.said() if gone else None
        if said is None:
            return NOTHING
        form = _form(said.schema, None)
        firsts: dict[int, dict[tuple[str | None, int], int]] = {partition: {} for partition in gone}
        for batch in self._rows.batches():
            traces = form.table(batch, [TRACE_COLUMN])[TRACE_COLUMN].to_pylist()
            for message, trace in zip(batch, traces, strict=True):
                if message.partition() in firsts and trace["offset"] is not None:
                    place = trace.get("via"), trace["partition"]
                    firsts[message.partition()].setdefault(place, trace["offset"])
        return Forgotten(sum(gone.values()), tuple(firsts.values()))

    def ledger(self) -> KafkaLedger:
        """A topic beside this one."""
        self._ledgers.append(KafkaLedger(self._hands, self._books, self._make_ledger))
        return self._ledgers[-1]

    def beside(self, name: str) -> Sink:
        """The sink of what belongs to these rows: the topic `TOPIC.NAME`, kept for ever where it is made."""
        create = self._options.create
        if create is not False:
            told = Create() if create is True else create
            create = told.model_copy(update={"config": {**told.config, **LASTING}})
        options = self._options.model_copy(
            update={"topic": f"{self._options.topic}.{name}", "marks": None, "key": None, "create": create}
        )
        made = Sink(options, self._place)
        made._setup.lasting = True
        return made

    def native(self) -> NativeSink:
        """For an engine that writes rows, marks and ledger by itself, in this sink's own form."""
        told = self._options
        marks, books = told.marks or f"{told.topic}.marks", f"{told.topic}.ledger"
        return NativeSink(told.topic, marks, books, told.key, told.compression, told, self._place)

    def glimpse(self) -> None:
        """From now on see only what nothing that is open hides: whoever holds that will end it himself."""
        for store in (self._rows, self._beside, self._books):
            store.waits = False

    def make_ledger(self) -> None:
        """Make the topic of the ledger, where it is missing."""
        self._make_ledger()

    def close(self) -> None:
        """Let go of all producers."""
        self._marks.close()
        for one in self._ledgers:
            one.close()

    def _look(self) -> None:
        self._setup.look()

    def _make_ledger(self) -> None:
        if self._books.found() is None:
            made = _made(self._options.create)
            if made is None:
                raise missing(self._books)
            self._books.create(1, made.replication, ledger.SETTINGS)

    def _explain(self, rows: pa.Table, form: Rows | Letters, code: str) -> StillwellError | None:
        """Which record makes a message that is too large, and what to do."""
        if "TOO_LARGE" not in code:
            return None
        sizes = [_size(message) for message in form.messages(rows)]
        largest = max(sizes)
        origin = rows[TRACE_COLUMN][sizes.index(largest)].as_py() if TRACE_COLUMN in rows.column_names else {}
        place = "/".join(str(origin.get(name)) for name in ("topic", "partition", "offset"))
        name, limit = self._options.topic, min(self._setup.limit() or LARGEST, LARGEST)
        return fail(
            ConnectorError,
            "too-large",
            f"Topic {name} takes messages up to {limit:,} bytes; the largest, of record {place}, has {largest:,} "
            "before compression.",
            f"Raise it (`kafka-configs.sh --alter --entity-type topics --entity-name {name} "
            f"--add-config max.message.bytes={largest + 4096}`), then start again: nothing is lost.",
        )


def _form(schema: pa.Schema, key: str | None) -> Rows | Letters:
    return Letters(schema) if are_letters(schema) else Rows(schema, key)


def _made(create: bool | Create) -> Made | None:
    if create is False:
        return None
    told = Create() if create is True else create
    config = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in told.config.items()
    }
    return Made(told.partitions or -1, told.replication or -1, config)


def _keys(options: SinkOptions) -> dict[str, object]:
    told = {name: value for name, value in DEFAULTS.items() if name not in options.config}
    return {**told, "compression.type": options.compression}


def _refuse_key(key: str | None, schema: pa.Schema) -> None:
    if key is None:
        return
    if are_letters(schema):
        raise fail(ConnectorError, "bad-option", "Dead letters keep the key they came with.", "Leave `key` out.")
    fields = [name for name in schema.names if name != TRACE_COLUMN]
    if key not in fields:
        raise fail(ConnectorError, "bad-option", f"The rows have no field `{key}`.", did_you_mean(key, fields))
    if not keyed(schema.field(key).type):
        what = f"`{key}` is {schema.field(key).type}, which makes no key."
        raise fail(ConnectorError, "bad-option", what, "Name a field of one plain value.")


def _split(rows: pa.Table, marks: Marks) -> dict[str, pa.Table]:
    """The rows of each mark: those of the partition that its name ends with."""
    if len(marks) == 1:
        return dict.fromkeys(marks, rows)
    partition = pc.struct_field(rows[TRACE_COLUMN].combine_chunks(), "partition")
    parts = {name: rows.filter(pc.equal(partition, int(name.rpartition("/")[2]))) for name in marks}
    assert sum(map(len, parts.values())) == len(rows), "every row belongs to one mark"
    return parts


def _size(message: Message) -> int:
    key, value, headers = message
    return len(key or b"") + len(value or b"") + sum(len(name) + len(told) for name, told in headers)
