"""The topics of a sink: what they must be like, looked at before a run, and made where they are missing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillwell.connectors._schema import plain_schema, refuse_other
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.letters import are_letters
from stillwell.connectors.kafka.marks import SETTINGS, Marks
from stillwell.connectors.kafka.store import Store, look
from stillwell.connectors.kafka.topics import Topic
from stillwell.errors import ConnectorError, StillwellError, fail

HEADERS = 65_536
"""Bytes of a dead letter that are left for its headers: origin, rules, reasons."""

ROWS = {"cleanup.policy": "delete"}
LASTING = {"retention.ms": "-1", "retention.bytes": "-1"}
LETTERS = {**ROWS, **LASTING, "max.message.bytes": str(16 << 20)}
"""How a topic is made; that of dead letters keeps them for ever, and takes any record that a usual topic takes."""

_SAID = "schema"


@dataclass(frozen=True)
class Made:
    """How topics are made: for -1 the brokers' defaults; `config` are settings of the topic of rows."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """What is kept beside the marks: the id of the topic that they speak of, and the schema of its rows."""

    topic: str
    schema: pa.Schema

    def to_json(self) -> str:
        """As it is kept."""
        schema = base64.b64encode(self.schema.serialize().to_pybytes()).decode()
        return json.dumps({"topic": self.topic, "schema": schema})

    @staticmethod
    def from_json(text: str) -> Said:
        """What `to_json` wrote."""
        plain = json.loads(text)
        return Said(plain["topic"], pa.ipc.read_schema(pa.py_buffer(base64.b64decode(plain["schema"]))))


class Setup:
    """The topic of rows and that of its marks. `made` is None where no topic may be made.

    `lasting`: whether the rows must be kept for ever.
    """

    lasting = False

    def __init__(self, cluster: Cluster, rows: Store, beside: Store, marks: Marks, made: Made | None) -> None:
        self._cluster = cluster
        self._rows = rows
        self._beside = beside
        self._marks = marks
        self._made = made
        self._ids: dict[str, str] = {}

    def said(self) -> Said | None:
        """What is kept beside the marks; None for a topic that no pipeline wrote to."""
        text = self._marks.texts().get(_SAID)
        return Said.from_json(text) if text else None

    def check(self, schema: pa.Schema) -> str:
        """Refuse topics that cannot hold these rows; one line about the topic. Makes nothing."""
        self._cluster.id()
        found = look(self._cluster, {self._rows.name, self._beside.name})
        topic, beside = found.get(self._rows.name), found.get(self._beside.name)
        for store, one in ((self._rows, topic), (self._beside, beside)):
            if one is None and self._made is None:
                raise missing(store)
        said = self.said()
        if said:
            refuse_other(said.schema, schema, f"Topic {self._rows.name}")
            if topic is None or topic.id != said.topic:
                raise self._anew()
        elif topic and self._rows.holds():
            what = f"Topic {self._rows.name} holds messages, and {self._beside.name} does not know of them."
            raise fail(ConnectorError, "sink-foreign", what, "Write to another topic.")
        if beside:
            self._refuse_expiring(self._beside.settings())
        kind = "dead letters to Kafka topic" if are_letters(schema) else "Kafka topic"
        if topic is None:
            return f"{kind} {self._rows.name} (new) at {self._cluster.brokers}"
        settings = self._rows.settings()
        self._refuse_compacted(settings)
        if self.lasting:
            self._refuse_forgetting(settings)
        told = _told(topic, settings, letters=are_letters(schema))
        return f"{kind} {self._rows.name} ({told}) at {self._cluster.brokers}"

    def make(self, schema: pa.Schema) -> pa.Schema:
        """Make the topics that are missing; the schema by which rows are written from now on."""
        self.check(schema)
        found = look(self._cluster, {self._rows.name, self._beside.name})
        topic = found.get(self._rows.name)
        if self._made and topic is None:
            config = LETTERS if are_letters(schema) else ROWS
            topic = self._rows.create(self._made.partitions, self._made.replication, {**config, **self._made.config})
        if self._made and self._beside.name not in found:
            self._beside.create(1, self._made.replication, SETTINGS)
        if topic is None:
            raise missing(self._rows)
        said = Said.from_json(self._marks.put_new(_SAID, Said(topic.id, plain_schema(schema)).to_json()))
        # Another process may have made them at the same time, for other columns.
        self.check(schema)
        self._ids = {name: one.id for name, one in look(self._cluster, {self._rows.name, self._beside.name}).items()}
        return said.schema

    def look(self) -> None:
        """Refuse to go on where a topic is not there any more."""
        try:
            found = look(self._cluster, self._ids, 1.0)
        except ConnectorError:
            # Nobody answers: how long that is borne, others know.
            return
        gone = [name for name, known in self._ids.items() if name not in found or found[name].id != known]
        if gone:
            raise fail(
                ConnectorError,
                "no-topic",
                f"Topic {gone[0]} was deleted while we wrote to it.",
                "See who deleted it. `stillwell audit` tells what was lost.",
            )

    def limit(self) -> int:
        """The bytes of a message (compressed) that the topic takes at most; 0 where we may not see it."""
        return int(self._rows.settings().get("max.message.bytes", 0))

    def _anew(self) -> StillwellError:
        return fail(
            ConnectorError,
            "sink-damaged",
            f"Topic {self._rows.name} was deleted since rows were written to it; {self._beside.name} has their marks.",
            f"To begin anew, delete {self._beside.name} and the ledger too, or write to another topic.",
        )

    def _refuse_compacted(self, settings: Mapping[str, str]) -> None:
        if "compact" in settings.get("cleanup.policy", ""):
            raise fail(
                ConnectorError,
                "not-supported",
                f"Topic {self._rows.name} is compacted: of the rows of one key it would keep only the newest.",
                "Write to a topic whose cleanup.policy is delete.",
            )

    def _refuse_forgetting(self, settings: Mapping[str, str]) -> None:
        if any(int(settings.get(key, -1)) >= 0 for key in LASTING):
            raise fail(
                ConnectorError,
                "not-supported",
                f"Topic {self._rows.name} would forget what became of quarantined records: it keeps them for a time.",
                f"Keep them (`kafka-configs.sh --alter --entity-type topics --entity-name {self._rows.name} "
                f"--add-config {','.join(f'{key}={value}' for key, value in LASTING.items())}`).",
            )

    def _refuse_expiring(self, settings: Mapping[str, str]) -> None:
        if settings.get("cleanup.policy", "compact") != "compact":
            raise fail(
                ConnectorError,
                "not-supported",
                f"Topic {self._beside.name} would forget marks: its cleanup.policy is {settings['cleanup.policy']}.",
                "Set its cleanup.policy to compact.",
            )


def missing(store: Store) -> StillwellError:
    """The error of a topic that is not there and may not be made."""
    what = f"There is no topic {store.name}, and `create` is false."
    return fail(ConnectorError, "no-topic", what, "Create it, or leave `create` out.")


def _told(topic: Topic, settings: Mapping[str, str], *, letters: bool) -> str:
    """How many partitions, and what else a person should know beforehand, as far as we may see it."""
    told = [f"{topic.partitions:,} partition{'s' if topic.partitions > 1 else ''}"]
    kept = int(settings.get("retention.ms", -1))
    if kept >= 0:
        told.append(f"kept for {kept / 86_400_000:,.3g} days")
    if letters and "max.message.bytes" in settings:
        told.append(f"records up to {max(0, int(settings['max.message.bytes']) - HEADERS):,} bytes")
    return ", ".join(told)
