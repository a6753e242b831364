"""What can be asked of the Flink engine: its keys in pipeline.yml."""

from __future__ import annotations

from pydantic import Field, field_validator

from stillwell.connectors.base import Options
from stillwell.connectors.kafka.sink import SinkOptions

OWNED = ("execution.", "state.", "parallelism.", "pipeline.jars", "python.", "table.", "restart-strategy")
"""Beginnings of Flink's keys that follow from the other options."""


class EngineOptions(Options):
    """Where the job runs, and how much of it side by side.

    Attributes:
        cluster: `HOST:PORT` of a JobManager's REST interface; without it, a mini-cluster in this process.
        parallelism: tasks side by side, each with partitions of its own; one a partition or core, the fewer.
        batch: records that the kernel takes at a time, and that one line of the ledger is about.
        through: for sinks that Flink cannot write: the Kafka topics that it writes instead, from which the embedded
            engine carries on: `topic` is their beginning, the rest are keys of the Kafka sink.
        checkpoints: a folder (or URL) that every machine of the cluster sees; one in the pipeline's state.
        restore: a savepoint or checkpoint to go on from, instead of the sinks' marks.
        python: the Python that the cluster's machines run the kernel with; the one that runs this.
        heap: memory of the Java process that is started here.
        config: further keys of Flink.
    """

    cluster: str | None = Field(None, pattern=r"^[\w.\-]+:\d+$")
    parallelism: int | None = Field(None, ge=1)
    batch: int = Field(20_000, ge=1, le=250_000)
    through: SinkOptions | None = None
    checkpoints: str | None = None
    restore: str | None = None
    python: str | None = None
    heap: str = Field("1g", pattern=r"^\d+[mg]$")
    config: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("config")
    @classmethod
    def _free(cls, config: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        for key in config:
            if key.startswith(OWNED) and not key.startswith("restart-strategy."):
                raise ValueError(f"`{key}` cannot be set here: it follows from the other options")
        return config
