"""The Flink engine: Flink reads and writes Kafka, and its Python workers judge by the kernel."""

from stillwell.engines.flink.engine import Engine
from stillwell.engines.flink.options import EngineOptions

__all__ = ["Engine", "EngineOptions"]
