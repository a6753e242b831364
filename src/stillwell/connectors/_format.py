"""The `format` of a source as it is written in a pipeline: `json`, or `{csv: {delimiter: ' '}}`."""

from __future__ import annotations

from typing import Any

from stillwell.errors import ConnectorError, did_you_mean, fail
from stillwell.kernel.base import Format

Told = str | dict[str, Any]

_OPTIONS = {"json": (), "csv": ("delimiter", "quote", "header"), "arrow": (), "parquet": ()}


def told_format(told: Told) -> Format:
    """The format that was told.

    Raises:
        ConnectorError: code `unknown-format` or `unknown-option`.
    """
    name, options = (told, {}) if isinstance(told, str) else next(iter(told.items()), ("", {}))
    if name not in _OPTIONS or (not isinstance(told, str) and len(told) != 1):
        raise fail(ConnectorError, "unknown-format", f"There is no format `{name}`.", did_you_mean(name, _OPTIONS))
    options = dict(options or {})
    for key in options:
        if key not in _OPTIONS[name]:
            known = did_you_mean(key, _OPTIONS[name]) if _OPTIONS[name] else "It has none."
            raise fail(ConnectorError, "unknown-option", f"Format `{name}` has no option `{key}`.", known)
    if name == "csv" and (not str(options.get("delimiter", ",")) or len(str(options.get("quote", '"'))) > 1):
        raise fail(
            ConnectorError,
            "bad-option",
            "Delimited text needs a delimiter, and a quote of one character or none.",
            "Write for example {csv: {delimiter: ';', quote: '\"'}}.",
        )
    return Format("arrow" if name == "parquet" else name, options)
