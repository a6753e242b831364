"""The embedded engine: one process; reading, judging and writing overlap through bounded queues."""

from stillwell.engines.embedded.engine import Engine, EngineOptions

__all__ = ["Engine", "EngineOptions"]
