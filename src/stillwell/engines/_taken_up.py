"""Takes a job up: opens its sinks, and gives what commits its epochs; the same on every engine that writes itself."""

from __future__ import annotations

import threading
from collections.abc import Collection

import duckdb
import pyarrow as pa

from stillwell._version import __version__
from stillwell.connectors.base import Source
from stillwell.contract.digest import digest
from stillwell.delivery.commit import Delivery, Identity
from stillwell.delivery.retry import Retry
from stillwell.engines.base import Job
from stillwell.kernel.program import accepted_schema, quarantine_schema

VERSIONS = {"stillwell": __version__, "duckdb": duckdb.__version__, "pyarrow": pa.__version__}
"""Of the libraries that a verdict may depend on, in this process."""


def open_sinks(job: Job, source: Source) -> None:
    """Open the sinks of a job, whose source is open."""
    for sink in job.accepted:
        sink.open(accepted_schema(job.contract))
    for sink in job.quarantine:
        sink.open(quarantine_schema(getattr(source, "record_type", None)))
    for keeper in job.keepers:
        keeper.open()


def delivery_of(job: Job, source: Source, stop: threading.Event, partitions: Collection[int] | None = None) -> Delivery:
    """What commits epochs of these partitions (None: of all), from what ledger and sinks say now."""
    identity = Identity(job.pipeline, source.identity, digest(job.contract), job.contract.text, VERSIONS)
    retry = Retry(job.patience, stop)
    ledger = job.accepted[0].ledger()
    return Delivery(
        identity, ledger, job.quarantine, job.accepted, partitions=partitions, retry=retry, keepers=job.keepers
    )
