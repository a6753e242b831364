"""A source of sensor records with known faults: the same options always give the same records.

Every record is a pure function of the options and of (partition, offset): nothing is carried from one record to the
next, so reading may start anywhere and be cut anyhow. Each record names its true fault in the columns `fault` and
`fault_field`.
"""

from stillwell.connectors.generator.options import HISTORY, KINDS, VISIBLE
from stillwell.connectors.generator.source import Source
from stillwell.connectors.generator.write import write_records

__all__ = ["HISTORY", "KINDS", "VISIBLE", "Source", "write_records"]
