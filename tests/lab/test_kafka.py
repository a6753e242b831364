"""A real broker: it is ours, at each of its doors, and comes back with its data."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourceType
from confluent_kafka.admin import ResourcePatternType as Pattern

from stillwell.lab._jars import cache
from stillwell.lab._process import Process
from stillwell.lab.kafka import PINS, VERSION, Service
from tests.services import client, needed, running, stranger

QUIET = logging.getLogger("quiet")
QUIET.setLevel(logging.CRITICAL)

HOLDER = """
import sys, time
from pathlib import Path
from stillwell import lab
with lab.up("kafka", folder=Path(sys.argv[1])) as service:
    print(service.process.pid, flush=True)
    time.sleep(600)
"""


def cluster(options, timeout=10):
    admin = AdminClient({**options, "reconnect.backoff.ms": 50}, logger=QUIET)
    return admin.list_topics(timeout=timeout).cluster_id


def send(options, topic, value):
    producer = Producer({**options, "message.timeout.ms": 20_000}, logger=QUIET)
    told = []
    producer.produce(topic, value, on_delivery=lambda error, _: told.append(error))
    producer.flush()
    return told[0]


def received(options, topic, count):
    consumer = Consumer({**options, "group.id": "none", "enable.auto.commit": False}, logger=QUIET)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return [message.value() for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


@pytest.mark.parametrize("role", ["plain", "tls", "mtls", "scram"])
def test_each_door_leads_to_the_same_cluster(kafka, role):
    assert cluster(client(kafka, role)) == kafka.cluster


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_a_password_opens_by_each_mechanism(kafka, mechanism):
    assert cluster(client(kafka, "scram") | {"sasl.mechanism": mechanism}) == kafka.cluster


def test_a_closed_door_stays_closed(kafka, tmp_path):
    other = stranger(tmp_path)
    mine, secret = client(kafka, "mtls"), client(kafka, "scram")
    for wrong in (
        {**client(kafka, "tls"), "bootstrap.servers": kafka.mtls_address},  # no certificate
        mine | {"ssl.certificate.location": str(other.certificate), "ssl.key.location": str(other.key)},
        mine | {"ssl.ca.location": str(other.ca)},
        mine | {"bootstrap.servers": f"127.1:{kafka.state.ports['mtls']}"},  # this machine, by a name not certified
        secret | {"sasl.password": "wrong"},
        secret | {"sasl.username": "nobody"},
    ):
        with pytest.raises(KafkaException):
            cluster(wrong, timeout=0.5)


def test_all_is_allowed_until_it_is_forbidden(kafka, topic):
    admin = AdminClient(client(kafka), logger=QUIET)
    admin.create_topics([NewTopic(topic, 1)])[topic].result(20)
    assert send(client(kafka, "scram"), topic, b"one") is None
    what = (ResourceType.TOPIC, topic, Pattern.LITERAL, f"User:{kafka.user}", "*", AclOperation.WRITE)
    (done,) = admin.create_acls([AclBinding(*what, AclPermissionType.DENY)]).values()
    done.result(20)
    end = time.monotonic() + 20
    while (refused := send(client(kafka, "scram"), topic, b"two")) is None:
        assert time.monotonic() < end
    assert refused.name() == "TOPIC_AUTHORIZATION_FAILED"
    assert send(client(kafka), topic, b"three") is None


@pytest.mark.xdist_group("lab")
def test_data_and_identity_survive_a_stop_and_a_crash(tmp_path, topic):
    with running("kafka", tmp_path) as service:
        known, address = service.cluster, service.address
        assert send(client(service), topic, b"one") is None
        service.stop()
        service.start()
        assert send(client(service), topic, b"two") is None
        service.kill()
        service.start()
        assert received(client(service), topic, 2) == [b"one", b"two"]
        assert (service.cluster, service.address) == (known, address)
        assert "rmatted" not in service.log.read_text()


@pytest.mark.xdist_group("lab")
def test_no_broker_is_left_by_a_killed_test_run_and_another_one_goes_on_with_its_data(tmp_path):
    needed(Service.fetch)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        process = Process.of(int(holder.stdout.readline()))
        assert process.alive
        holder.kill()
    end = time.monotonic() + 20
    while process.alive and time.monotonic() < end:
        time.sleep(0.02)
    assert not process.alive
    known = Service(tmp_path).cluster
    with running("kafka", tmp_path, tls=True, settings={"num.partitions": "3"}) as service:
        assert service.cluster == known
        assert cluster(client(service, "scram")) == known  # its users were there before it had TLS
        assert send(client(service), "wide", b"one") is None
        topics = AdminClient(client(service), logger=QUIET).list_topics("wide", timeout=20).topics
        assert len(topics["wide"].partitions) == 3


def test_another_broker_at_our_port_is_not_ours(kafka, tmp_path):
    other = Service(tmp_path)
    other.state.ports = dict(kafka.state.ports)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("cluster.id=another\n")
    assert not other.answers()
    assert kafka.answers()


def test_it_is_what_is_pinned_and_starts_from_an_archive(kafka):
    jars = cache() / f"kafka-{VERSION}" / "lib"
    assert (jars / f"kafka_2.13-{VERSION}.jar").exists()
    assert all(len(pin.split(":")) == 3 for pin in PINS)
    words = Path(f"/proc/{kafka.process.pid}/cmdline").read_bytes().split(b"\0")
    archive = next(word for word in words if word.startswith(b"-XX:SharedArchiveFile="))
    assert Path(archive.decode().partition("=")[2]).stat().st_size > 1e6


def test_only_this_user_reads_its_secrets(kafka):
    told = [path for path in kafka.folder.rglob("*") if path.is_file() and kafka.password.encode() in path.read_bytes()]
    assert {path.name for path in told} == {"lab.json", "server.properties"}
    assert {path.stat().st_mode & 0o777 for path in told} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (kafka.folder / "tls").iterdir()} == {0o600}
