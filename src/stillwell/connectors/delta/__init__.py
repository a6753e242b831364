"""Delta tables: rows to one with marks in its own transaction log, records from one at a pinned version."""

from stillwell.connectors.delta.sink import Sink as Sink
from stillwell.connectors.delta.source import Source as Source
