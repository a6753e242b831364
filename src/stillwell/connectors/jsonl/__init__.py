"""Rows to one growing file of JSON lines."""

from stillwell.connectors.jsonl.sink import Sink as Sink
