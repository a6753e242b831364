"""The engine Spark: executors read and judge what they are told, and the process that runs the pipeline commits it."""

from stillwell.engines.spark.engine import Engine, EngineOptions

__all__ = ["Engine", "EngineOptions"]
