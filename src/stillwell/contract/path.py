r"""Reads where a value lies: `data.geo[0]`, `PM2\.5`, or a part of the envelope such as `$header.site`."""

from __future__ import annotations

import re

from stillwell.contract.model import Path
from stillwell.contract.scalars import Unreadable
from stillwell.errors import did_you_mean

ENVELOPE = ("key", "topic", "partition", "offset", "ingest_time", "op")
ENVELOPE_PARTS = ("header", "before")

_NAME = re.compile(r"(?:\\.|[^\\.\[\]])+")
_INDEX = re.compile(r"\[(\d{1,9})\]", re.ASCII)


def path(text: str) -> Path:
    """The path that `text` means; a backslash takes the meaning from the character after it.

    Raises:
        Unreadable: for a path with an empty step, a broken index, or an unknown part of the envelope.
    """
    if text.startswith("$"):
        return _envelope(text)
    steps: list[str | int] = []
    position = 0
    while position < len(text) or not steps:
        name, index = _NAME.match(text, position), _INDEX.match(text, position)
        after_dot = position > 0 and text[position - 1] == "."
        if index and not after_dot:
            steps.append(int(index[1]))
            position = index.end()
        elif name and (not steps or after_dot):
            steps.append(re.sub(r"\\(.)", r"\1", name[0]))
            position = name.end()
        else:
            raise Unreadable(
                f"`{text}` is not a path (character {position + 1}).",
                r"Write it like `data.geo[0]`; a dot in a name is `PM2\.5`.",
            )
        if text[position : position + 1] == ".":
            position += 1
            if position == len(text):
                raise Unreadable(f"`{text}` ends with a dot.", "Name the step after it, or leave the dot out.")
    return Path(tuple(steps))


def _envelope(text: str) -> Path:
    name, dot, part = text[1:].partition(".")
    if (name in ENVELOPE and not dot) or (name in ENVELOPE_PARTS and part):
        return Path(envelope=text[1:])
    known = [f"${one}" for one in ENVELOPE] + [f"${one}.NAME" for one in ENVELOPE_PARTS]
    raise Unreadable(
        f"The envelope has no `{text}`.", did_you_mean(text, known) + r" A name with `$` begins with `\$`."
    )
