"""Records from files: JSON lines, delimited text, Parquet; plain or compressed, finished or still growing."""

from stillwell.connectors.files.source import Source as Source
