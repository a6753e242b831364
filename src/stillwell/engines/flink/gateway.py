"""The way to Java: starts Flink's gateway once in this process, with its logs and memory where they belong."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from stillwell._need import need
from stillwell.errors import StillwellError, fail
from stillwell.lab._jars import cache, resolve
from stillwell.lab.flink import KAFKA, PINS

_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|TMP|TEMP|LD_LIBRARY_PATH|JVM_ARGS|SUBMIT_ARGS|_?PYFLINK\w*"
    r"|(?:JAVA|FLINK|PYTHON|HADOOP|HBASE|YARN|XDG|LOG4J|LOGBACK)(?:_\w+)?|PYTHON\w+"
)
"""Variables that Java, Flink and Python go by."""
_WHO = "Flink's connector for Kafka"
_JAVA = re.compile(r"(?:Caused by: )?(?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error): (.+)")


def pyflink(part: str) -> ModuleType:
    """A module of PyFlink, or an error that says how to install it."""
    return need(f"pyflink.{part}", who="Flink", extra="flink")


def connector() -> Path:
    """The jar of Flink's connector for Kafka, fetched where it is not there yet.

    Raises:
        StillwellError: codes `missing-maven` and `unfetchable`.
    """
    resolve(KAFKA, PINS, who=_WHO)
    return next((cache() / KAFKA / "lib").glob("flink-sql-connector-kafka-*.jar"))


def java(logs: Path, heap: str) -> Any:
    """The gateway, with the connector on its class path. The first call decides where logs go, and the heap."""
    pyflink("version")
    logs.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("FLINK_LOG_DIR", str(logs))
    # Where a machine speaks Turkish, Flink's connector asks Kafka for the `earlıest` offset, which nobody knows.
    os.environ.setdefault("JVM_ARGS", f"-Xmx{heap} -Duser.language=en -Duser.country=US")
    with plain_environment():
        gateway = pyflink("java_gateway").get_gateway()
    pyflink("util.java_utils").add_jars_to_context_class_loader([connector().as_uri()])
    return gateway


@contextlib.contextmanager
def plain_environment() -> Iterator[None]:
    """Start processes without the variables that they do not need: Beam writes every one of them into its log."""
    whole = dict(os.environ)
    for name in whole:
        if not _PASSED.fullmatch(name):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(whole)


def admin(gateway: Any, keys: Mapping[str, str]) -> Any:
    """Kafka's admin client in Java, which can do what librdkafka's cannot."""
    told = gateway.jvm.java.util.Properties()
    for name, value in keys.items():
        told.setProperty(name, value)
    return gateway.jvm.org.apache.flink.kafka.shaded.org.apache.kafka.clients.admin.Admin.create(told)


def end_transactions(gateway: Any, keys: Mapping[str, str], prefix: str) -> list[str]:
    """End the transactions whose id begins with `prefix`, and fence whoever has them; the ids of those that were open.

    Without this, nobody could read what was committed behind the open ones of a killed job until their time is over.
    """
    with failing("Its transactions could not be looked at"):
        client = admin(gateway, keys)
        try:
            told = client.listTransactions().all().get()
            still = [
                str(one.transactionalId())
                for one in told
                if one.transactionalId().startswith(prefix) and str(one.state()) != "Empty"
            ]
            opened = [one for one in still if not _over(client, one)]
            if opened:
                names = gateway.jvm.java.util.ArrayList()
                for one in opened:
                    names.add(one)
                client.fenceProducers(names).all().get()
            return opened
        finally:
            client.close()


def _over(client: Any, name: str) -> bool:
    """Whether a transaction has ended well or badly."""
    told = client.describeTransactions([name]).all().get()[name]
    return str(told.state()) in ("CompleteCommit", "CompleteAbort", "Empty", "Dead")


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Turn what Java raises inside into one error that a person can read."""
    try:
        yield
    except Exception as error:
        if isinstance(error, StillwellError) or type(error).__module__.split(".")[0] not in ("py4j", "pyflink"):
            raise
        raise failed(what, str(error)) from None


def failed(what: str, told: str) -> StillwellError:
    """The error for what Java tells: its innermost cause."""
    causes = [found[1] for line in told.splitlines() if (found := _JAVA.match(line.strip()))]
    why = causes[-1] if causes else told.strip().splitlines()[0] if told.strip() else "Flink does not say why"
    fix = f"{os.environ.get('FLINK_LOG_DIR', 'The log of Flink')} says all of it."
    return fail(StillwellError, "engine-failed", f"{what}: {why.rstrip('.')[:600]}.", fix)
