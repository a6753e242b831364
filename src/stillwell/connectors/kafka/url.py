"""Reads `kafka://broker:9092/topic?tls.ca=ca.pem&start=latest`: a topic as one names it on a command line."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from stillwell.errors import ConnectorError, StillwellError, fail

_SHAPE = "Write kafka://BROKER:PORT/TOPIC, and after a ? further options of the connector, such as tls.ca=ca.pem."


def url_options(url: str) -> dict[str, Any]:
    """The options of a source or sink that a URL names; what stands after the question mark is put in by its dots.

    Raises:
        ConnectorError: code `bad-option`, for a URL without a broker or topic, with a path, or a password in its head.
    """
    parts = urlsplit(url)
    topic = unquote(parts.path.strip("/"))
    if "@" in parts.netloc:
        fix = "Leave it out, and write ?sasl.user=NAME&sasl.password=${VARIABLE}."
        raise fail(ConnectorError, "bad-option", "A password in a URL is seen by everybody on this machine.", fix)
    if not parts.netloc or not topic or "/" in topic or parts.fragment:
        raise fail(ConnectorError, "bad-option", f"`{url}` names no topic of a broker.", _SHAPE)
    options: dict[str, Any] = {"brokers": parts.netloc, "topic": topic}
    try:
        told = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise fail(ConnectorError, "bad-option", f"`{parts.query}` are no options.", _SHAPE) from None
    for name, value in told:
        *outer, last = name.split(".") if not name.startswith("config.") else ("config", name.removeprefix("config."))
        into = options
        for key in outer:
            into = into.setdefault(key, {})
            if not isinstance(into, dict):
                raise _twice(key)
        if last in into:
            raise _twice(last)
        into[last] = value
    return options


def _twice(name: str) -> StillwellError:
    return fail(ConnectorError, "bad-option", f"`{name}` is told twice.", "Write it once.")
