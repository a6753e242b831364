"""Keeps tallies, findings and lines of the ledger in a file of SQLite, which others read while it is written."""

from stillwell.monitor.store.options import StoreOptions
from stillwell.monitor.store.store import Store

__all__ = ["Store", "StoreOptions"]
