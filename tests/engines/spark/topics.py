"""Reads topics of every kind on Spark: compacted, transactional, cut by retention between two runs, and over TLS.

`python -m tests.engines.spark.topics [NAME…]` runs each on a real broker, compares what came out with what any consumer
sees, and prints a table.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stillwell import lab
from tests.connectors.kafka.outside import forget, messages
from tests.engines.spark.stage import Stage, payload
from tests.services import client

RECORDS, PARTITIONS = 4_000, 4
KEYS = 200


class Scene:
    """A stage whose topic has settings of its own, and what is known of it."""

    def __init__(self, folder: Path, broker: Any, name: str, **settings: str) -> None:
        self.broker, self.topic = broker, f"{name}-{uuid.uuid4().hex[:6]}"
        admin = AdminClient(client(broker))
        admin.create_topics([NewTopic(self.topic, PARTITIONS, config=settings)])[self.topic].result(30)
        self.stage = Stage(folder / name, broker, self.topic, "{spark: {master: 'local[2]'}}", epoch=1_000, made=True)

    def send(self, first: int, count: int, **config: str) -> None:
        """Records of so many numbers, dealt to the partitions in turn; each key is that of several."""
        producer = Producer({**client(self.broker), "enable.idempotence": True, **config})
        transactional = "transactional.id" in config
        if transactional:
            producer.init_transactions(30)
            producer.begin_transaction()
        for number in range(first, first + count):
            producer.produce(self.topic, payload(number), str(number % KEYS), partition=number % PARTITIONS)
        producer.flush(60)
        if transactional:
            (producer.abort_transaction if config["transactional.id"] == "aborts" else producer.commit_transaction)()

    def there(self) -> list[int]:
        """The numbers of the records that any consumer sees now."""
        return sorted(int(one.value().split(b":")[1].split(b",")[0]) for one in messages(self.broker, self.topic))

    def held(self) -> list[int]:
        """Those that both sinks hold."""
        return sorted(self.stage.ids("accepted") + self.stage.ids("quarantine"))


def compacted(scene: Scene) -> list[int]:
    """Of each key the newest records are left, and offsets have holes."""
    scene.send(0, RECORDS)
    until = time.monotonic() + 120
    while len(scene.there()) > RECORDS // 2:
        assert time.monotonic() < until, "nothing was compacted"
        scene.send(RECORDS - KEYS, KEYS)
        time.sleep(1)
    return scene.there()


def transactional(scene: Scene) -> list[int]:
    """Some transactions were committed, some aborted."""
    wanted: list[int] = []
    for part, name in enumerate(("commits", "aborts", "commits", "aborts")):
        scene.send(part * 1_000, 1_000, **{"transactional.id": name})
        wanted += range(part * 1_000, part * 1_000 + 1_000) if name == "commits" else ()
    assert scene.there() == wanted
    return wanted


def retention(scene: Scene) -> list[int]:
    """Retention takes records between two runs; a gap is told, and is in the ledger."""
    scene.send(0, RECORDS)
    assert scene.stage.run()["read"] == RECORDS
    scene.send(RECORDS, RECORDS)
    forget(scene.broker, scene.topic, {0: 1_500, 1: 1_200})
    gone = {RECORDS + one for one in range(RECORDS) if one // 4 < {0: 500, 1: 200}.get(one % 4, 0)}
    return [one for one in range(2 * RECORDS) if one not in gone]


def tls(scene: Scene) -> list[int]:
    """The broker is reached over TLS, with a certificate of ours."""
    told = scene.stage.folder / "pipeline.yml"
    keys = {"ca": scene.broker.tls.ca, "certificate": scene.broker.tls.certificate, "key": scene.broker.tls.key}
    asked = json.dumps({name: str(path) for name, path in keys.items()})
    address = f"'{scene.broker.address}'"
    assert address in told.read_text()
    told.write_text(told.read_text().replace(address, f"'{scene.broker.mtls_address}', tls: {asked}"))
    scene.send(0, RECORDS)
    return list(range(RECORDS))


_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "500",
}
SCENES: dict[str, tuple[Callable[[Scene], list[int]], dict[str, str]]] = {
    "compacted": (compacted, _COMPACTED),
    "transactional": (transactional, {}),
    "retention": (retention, {}),
    "tls": (tls, {}),
}


def main() -> None:
    """All scenes, or those that are named."""
    failed = False
    print("| topic | a consumer sees | sinks hold | those, each once | gaps told | proved |\n|" + "---|" * 6)
    with tempfile.TemporaryDirectory() as folder, lab.up("kafka", tls=True) as broker:
        for name in sys.argv[1:] or SCENES:
            play, settings = SCENES[name]
            scene = Scene(Path(folder), broker, name, **settings)
            wanted = play(scene)
            ended = scene.stage.run()
            held, gaps = Counter(scene.held()), ended["gaps"]
            # What compaction took while the run went on may have been read or not.
            least = Counter(scene.there() if name == "compacted" else wanted)
            right = least <= held <= Counter(wanted)
            failed |= not right or bool(gaps) is not (name == "retention")
            proved = scene.stage.audit()["proved"]
            row = (name, len(wanted), held.total(), "yes" if right else "no", json.dumps(gaps), proved)
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
