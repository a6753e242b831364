"""Apache Kafka: one node, broker and controller in one process, with TLS and passwords where they are asked for."""

from __future__ import annotations

import base64
import logging
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stillwell._need import need
from stillwell.errors import StillwellError, fail
from stillwell.lab._archive import archive, archived
from stillwell.lab._jars import cache, class_path, resolve
from stillwell.lab._java import FLAGS, java
from stillwell.lab._place import written
from stillwell.lab._ports import HOST
from stillwell.lab.base import Service as Base

VERSION = "4.3.1"
# Kafka logs by slf4j 1.7 and brings nothing to log with; a binding of another version would stay silent.
PINS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")
OLDEST_JAVA = 17

_TITLE = f"Apache Kafka {VERSION}"
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_CACHED = f"kafka-{VERSION}"
_PLAIN = {"plain": "PLAINTEXT", "controller": "PLAINTEXT"}
_TLS = {"tls": "SSL", "mtls": "SSL", "scram": "SASL_SSL"}
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAIN",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # For tests: how soon a member may ask to be missed.
    "group.min.session.timeout.ms": "1000",
    # After a crash the controller waits so long before it lets the same broker in again.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # It looks so often for transactions whose writer died.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # Denials are told to the client, and allow what nobody has forbidden.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:ANONYMOUS",
}


class Service(Base):
    """A broker of its own; the addresses are `HOST:PORT` each."""

    name = "kafka"
    title = _TITLE
    roles = (*_PLAIN, *_TLS)
    taken = b"Address already in use"
    _asked: Any = None

    @property
    def addresses(self) -> dict[str, str]:
        """All of them, by role."""
        roles = ("plain", *_TLS) if self.state.tls else ("plain",)
        return {role: f"{HOST}:{self.state.ports[role]}" for role in roles}

    @property
    def address(self) -> str:
        """Where it listens without TLS and without a password."""
        return self.addresses["plain"]

    @property
    def tls_address(self) -> str:
        """Where it listens with TLS, and asks for no certificate."""
        return self.addresses["tls"]

    @property
    def mtls_address(self) -> str:
        """Where it listens with TLS, and demands a client's certificate."""
        return self.addresses["mtls"]

    @property
    def scram_address(self) -> str:
        """Where it listens with TLS, and demands `user` and `password` by SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN."""
        return self.addresses["scram"]

    @property
    def user(self) -> str:
        """Who may come in at `scram_address`."""
        return "stillwell"

    @property
    def password(self) -> str:
        """The password of `user`."""
        return self.secret("password")

    @property
    def cluster(self) -> str:
        """The identity of the cluster, made with its data."""
        text = (self._data / "meta.properties").read_text()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)["cluster.id"]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @classmethod
    def fetch(cls, *, thorough: bool = False) -> None:
        """Fetch its jars, and archive the classes that it loads."""
        found = java(_TITLE, OLDEST_JAVA)
        _library()
        resolve(_CACHED, PINS, who=_TITLE, thorough=thorough)
        archive(cache() / _CACHED, found, _archive)

    def prepare(self) -> None:
        """Write its configuration; the first time, format its data."""
        self._asked = None
        written(self._properties, "".join(f"{key}={value}\n" for key, value in self._settings().items()).encode())
        if not self._data.exists():
            self._format()

    def command(self) -> list[str]:
        """The broker, with the archive of its classes where there is one."""
        return _java("kafka.Kafka", str(self._properties))

    def answers(self) -> bool:
        """Whether a broker of our cluster answers."""
        asked, self._asked = self._asked or self._client(), None
        try:
            told = asked.list_topics(timeout=0.5)
        except _library().KafkaException:
            # It goes on trying by itself, at short intervals: a new one each time would be slower.
            self._asked = asked
            return False
        return bool(told.cluster_id == self.cluster)

    def _client(self) -> Any:
        options = {"bootstrap.servers": self.address, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
        quiet = logging.getLogger("stillwell.lab.kafka")
        quiet.setLevel(logging.CRITICAL)
        return _library(".admin").AdminClient(options, logger=quiet)

    def variables(self) -> dict[str, str]:
        """Its addresses, and how to get in."""
        found = {"BROKERS": self.address, "STILLWELL_KAFKA": self.address}
        if self.state.tls:
            found |= {
                "STILLWELL_KAFKA_TLS": self.tls_address,
                "STILLWELL_KAFKA_MTLS": self.mtls_address,
                "STILLWELL_KAFKA_SCRAM": self.scram_address,
                "STILLWELL_KAFKA_CA": str(self.tls.ca),
                "STILLWELL_KAFKA_CERTIFICATE": str(self.tls.certificate),
                "STILLWELL_KAFKA_KEY": str(self.tls.key),
                "STILLWELL_KAFKA_USER": self.user,
                "STILLWELL_KAFKA_PASSWORD": self.password,
            }
        return found

    def _settings(self) -> dict[str, str]:
        listeners = _PLAIN | (_TLS if self.state.tls else {})
        where = {role: f"{role.upper()}://{HOST}:{self.state.ports[role]}" for role in listeners}
        found = {
            "controller.quorum.bootstrap.servers": f"{HOST}:{self.state.ports['controller']}",
            "listeners": ",".join(where.values()),
            "advertised.listeners": ",".join(place for role, place in where.items() if role != "controller"),
            "listener.security.protocol.map": ",".join(f"{role.upper()}:{kind}" for role, kind in listeners.items()),
            "log.dirs": "data",
        }
        return SETTINGS | found | (self._secured() if self.state.tls else {}) | self.settings

    def _secured(self) -> dict[str, str]:
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{self.user}="{self.password}";'
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(Path("tls") / "server.keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(Path("tls") / "ca.pem"),
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.scram.sasl.enabled.mechanisms": ",".join((*_SCRAM, "PLAIN")),
            **{f"listener.name.scram.{kind.lower()}.sasl.jaas.config": scram for kind in _SCRAM},
            "listener.name.scram.plain.sasl.jaas.config": plain,
        }

    def _format(self) -> None:
        """Format aside, in a folder of the same shape, so that data is there whole or not at all."""
        aside = self.folder / "formatting"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        users = [f"--add-scram={kind}=[name={self.user},password={self.password}]" for kind in _SCRAM]
        tool = _java("kafka.tools.StorageTool", "format", "--standalone", f"-t{cluster}", f"-c{self._properties}")
        run = subprocess.run(  # noqa: S603 - the command is ours
            [*tool, *users], cwd=aside, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise fail(
                StillwellError,
                "not-started",
                f"{_TITLE} could not format its data: {(run.stderr or run.stdout).strip().splitlines()[-1]}",
                f"See {self._properties}.",
            )
        (aside / "data").rename(self._data)
        aside.rmdir()


class _Training(Service):
    """A broker that archives the classes it has loaded when it ends."""

    def __init__(self, folder: Path, target: Path) -> None:
        super().__init__(folder)
        self._target = target

    @classmethod
    def fetch(cls, *, thorough: bool = False) -> None:
        """Everything is here already."""

    def command(self) -> list[str]:
        return _java("kafka.Kafka", str(self._properties), flags=[f"-XX:ArchiveClassesAtExit={self._target}"])


def _archive(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="stillwell-lab-") as folder, _Training(Path(folder), target):
        pass


def _java(main: str, *arguments: str, flags: Iterable[str] = ()) -> list[str]:
    found = java(_TITLE, OLDEST_JAVA)
    kept = archived(cache() / _CACHED, found)
    shared = [f"-XX:SharedArchiveFile={kept}"] if kept.exists() else []
    return [str(found), *FLAGS, *_LOGGING, *shared, *flags, "-cp", class_path(_CACHED), main, *arguments]


def _library(part: str = "") -> Any:
    return need(f"confluent_kafka{part}", who="The lab's Kafka", extra="kafka")
