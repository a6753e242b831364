"""A table environment for small jobs of two tasks, in one process with its Java."""

from __future__ import annotations

import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

CONFIG = {
    "parallelism.default": "2",
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
    "python.fn-execution.arrow.batch.size": "700",
    "python.fn-execution.bundle.size": "1400",
}


def batch_environment() -> TableEnvironment:
    """One that reads what is there and ends, in batches so small that there are several."""
    flink = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    for key, value in CONFIG.items():
        flink.get_config().set(key, value)
    return flink
