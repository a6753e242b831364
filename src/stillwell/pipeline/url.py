"""Builds the source that a URL names: the options of a pipeline's source, in the one line of a command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stillwell._find import find
from stillwell.connectors.base import Place
from stillwell.contract.read import List, Map, Node, Problems, Text
from stillwell.contract.shapes import Reading
from stillwell.errors import ConnectorError, Where
from stillwell.pipeline.grammar import PartShape
from stillwell.pipeline.options import read_options
from stillwell.pipeline.outside import Filler, Outside


def built(
    url: str, side: str, place: Place, *, environment: Mapping[str, str] = os.environ, **defaults: Any
) -> tuple[Any, Outside]:
    """The plug-in that a URL names, as `side`, and what was filled into its options; `defaults` give way to the URL.

    `${NAME}` and `${file:path}` stand for values that nobody shall see among the processes of this machine.

    Raises:
        StillwellError: code `unknown-plugin` for a scheme that no connector has, `not-supported` for one without URLs.
        ConnectorError: with all problems of its options.
    """
    scheme = url.partition("://")[0]
    told = {**defaults, **find("connectors", scheme, "url_options")(url)}
    reading = Reading(Problems())
    where = Where(url)
    filler = Filler(environment, place.folder, reading.problems)
    part = PartShape(side).read(filler.fill(_node({scheme: told}, where)), "", reading)
    reading.problems.stop(ConnectorError)
    assert part is not None
    outside = Outside(filler.values)
    with outside.masking():
        kind = find("connectors", scheme, side)
        options = read_options(part, kind.Options, reading.problems)
        reading.problems.stop(ConnectorError)
        return kind(options, place), outside


def _node(told: Any, where: Where) -> Node:
    if isinstance(told, Mapping):
        return Map({name: _node(one, where) for name, one in told.items()}, dict.fromkeys(told, where), where)
    if isinstance(told, list):
        return List(tuple(_node(one, where) for one in told), where)
    return Text(str(told), where, plain=False)
