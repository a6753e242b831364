"""The work of benchmarks/kafka.py in Quix Streams: read, judge by twelve rules, two Delta tables.

Prints seconds and counts as JSON.
Arguments: broker, topic, how many messages, an empty folder.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from typing import Any

import orjson
import pyarrow as pa
from deltalake import write_deltalake
from quixstreams import Application
from quixstreams.models import BytesDeserializer
from quixstreams.sinks import BatchingSink, SinkBatch

ID = re.compile(r"sensor_[0-9]{3}")
RANGES = {"temperature": (-40, 85), "humidity": (0, 100), "pressure": (800, 1100)}
FUTURE = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
ACCEPTED = pa.schema(
    [
        ("sensor_id", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        *((name, pa.float64()) for name in RANGES),
        ("warnings", pa.list_(pa.string())),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
    ]
)
QUARANTINE = pa.schema(
    [("payload", pa.binary()), ("reasons", pa.list_(pa.string())), ("partition", pa.int32()), ("offset", pa.int64())]
)


def judged(payload: bytes) -> dict[str, Any]:
    """The record with its warnings, or the payload with the rules that it breaks."""
    try:
        record = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {"payload": payload, "reasons": ["payload.format"]}
    if not isinstance(record, dict):
        return {"payload": payload, "reasons": ["payload.format"]}
    broken = []
    sensor, when = record.get("sensor_id"), record.get("timestamp")
    if sensor is None:
        broken.append("sensor_id.required")
    elif not isinstance(sensor, str) or not ID.fullmatch(sensor):
        broken.append("sensor_id.pattern")
    if when is None:
        broken.append("timestamp.required")
    else:
        try:
            record["timestamp"] = when = dt.datetime.fromisoformat(when)
            if when > FUTURE:
                broken.append("timestamp.range")
        except (TypeError, ValueError):
            broken.append("timestamp.type")
    for name, (least, most) in RANGES.items():
        value = record.get(name)
        if value is None:
            broken.append(f"{name}.required")
        elif not isinstance(value, int | float):
            broken.append(f"{name}.type")
        elif not least <= value <= most:
            broken.append(f"{name}.range")
    if broken:
        return {"payload": payload, "reasons": broken}
    warnings = []
    if record["temperature"] > 60 and record["humidity"] > 95:
        warnings.append("hot_and_wet")
    if record["temperature"] < -35 and record["pressure"] > 1095:
        warnings.append("dense_cold")
    record["warnings"] = warnings
    return record


class Tables(BatchingSink):
    """Appends a batch to both tables."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self.accepted = self.quarantined = 0

    def write(self, batch: SinkBatch) -> None:
        """Accepted rows to one table, the others to the other."""
        rows: dict[str, list[dict[str, Any]]] = {"accepted": [], "quarantine": []}
        for item in batch:
            side = "quarantine" if "reasons" in item.value else "accepted"
            rows[side].append({**item.value, "partition": batch.partition, "offset": item.offset})
        for side, schema in (("quarantine", QUARANTINE), ("accepted", ACCEPTED)):
            write_deltalake(f"{self._folder}/{side}", pa.Table.from_pylist(rows[side], schema), mode="append")
        self.accepted += len(rows["accepted"])
        self.quarantined += len(rows["quarantine"])


def main(broker: str, name: str, count: int, folder: str) -> None:
    """Run it once."""
    app = Application(
        broker_address=broker,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        commit_every=100_000,
        commit_interval=60,
        loglevel="ERROR",
        state_dir=f"{folder}/state",
        consumer_extra_config={"fetch.wait.max.ms": 10, "queued.min.messages": 1_000_000},
    )
    tables = Tables(folder)
    app.dataframe(app.topic(name, value_deserializer=BytesDeserializer())).apply(judged).sink(tables)
    began, cpu = time.perf_counter(), time.process_time()
    app.run(count=count, timeout=60, collect=False)
    took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    print(json.dumps({**took, "accepted": tables.accepted, "quarantined": tables.quarantined}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
