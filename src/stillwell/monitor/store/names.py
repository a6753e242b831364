"""Names of groups as a store keeps them: not longer than is sensible, and not more of them than is allowed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection

import numpy as np

from stillwell.kernel.tally import Cell, Tally

LONGEST = 200
"""Characters of a value that names a group; of a longer one the beginning is kept, and 16 hex digits of its hash."""


def shortened(value: str | None) -> str | None:
    """A value as it names a group."""
    if value is None or len(value) <= LONGEST:
        return value
    return (
        f"{value[: LONGEST - 17]}#{hashlib.blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
    )


def named(tally: Tally, known: Collection[str], most: int, others: str) -> Tally:
    """The tally with names that can be kept: long ones shortened, and beyond `most` groups one for all `others`.

    `known` are the groups there are already, as JSON; new ones are taken up in their order.
    """
    if not tally.group:
        return tally
    names: dict[tuple[str | None, ...], tuple[str | None, ...]] = {}
    there = set(known)
    for _, group in tally.cells:
        if group in names:
            continue
        name = tuple(shortened(value) for value in group)
        text = json.dumps(name)
        if text not in there and len(there) >= most:
            name = (others,) * len(group)
        there.add(json.dumps(name))
        names[group] = name
    if all(group == name for group, name in names.items()):
        return tally
    renamed: list[Cell] = [(start, names[group]) for start, group in tally.cells]
    cells = tuple(dict.fromkeys(renamed))
    number = {cell: index for index, cell in enumerate(cells)}
    at = np.array([number[cell] for cell in renamed], np.int64)
    return tally.moved([at], cells, tally.window, tally.group)
