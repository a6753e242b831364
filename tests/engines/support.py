"""Writes docs/reference/support.md: what each engine can do, from what the engines and connectors declare.

`python -m tests.engines.support > docs/reference/support.md` writes the page anew; a test sees that it is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stillwell._find import find, names
from stillwell.connectors.base import Split
from stillwell.contract.load import parse
from stillwell.engines._features import FEATURES
from stillwell.errors import StillwellError
from stillwell.kernel.program import unsupported

_SEQUENCE = """\
contract: one
version: 1.0.0
key: id
fields: {id: {type: string}, value: {type: double}}
sequence: {jump: {kind: jump, field: value, max: 1, within: 1m}}
"""

_OPENING = """\
# What each engine can do

*Made by `make docs` from what engines and connectors declare.* What an engine cannot do is refused when a pipeline is
planned, with the line that asks for it; `stillwell explain pipeline.yml --engine NAME` says what would run where.
"""


def page() -> str:
    """The page as it is committed."""
    return "\n".join([_OPENING, *_engines(), "", *_sources(), "", *_sinks()]) + "\n"


def _engines() -> Iterator[str]:
    engines = {name: find("engines", name, "Engine") for name in names("engines")}
    yield f"| | {' | '.join(engines)} |"
    yield f"|---|{'---|' * len(engines)}"
    told: list[str] = []
    nowhere = {"sequence"} if unsupported(parse(_SEQUENCE)) else set()
    for feature, one in FEATURES.items():
        cells = [_cell(engine.cannot.get(feature), feature in nowhere, told) for engine in engines.values()]
        yield f"| {one.what} | {' | '.join(cells)} |"
    yield ""
    yield from (f"{number}. {text}" for number, text in enumerate(told, 1))


def _cell(cannot: Any, nowhere: bool, told: list[str]) -> str:
    if nowhere:
        return "not yet"
    if cannot is None:
        return "yes"
    text = f"{cannot.why} {cannot.fix}"
    if text not in told:
        told.append(text)
    return f"no ({told.index(text) + 1})"


def _sources() -> Iterator[str]:
    yield "| source | can be read again | partitions are read side by side by several processes |"
    yield "|---|---|---|"
    for name, kind in _sides("Source"):
        again = "yes" if kind.replayable else "no: it is spooled"
        yield f"| {name} | {again} | {'yes' if _is_split(kind) else 'no: one process reads it'} |"


def _sinks() -> Iterator[str]:
    yield "| sink | holds marks | several processes may write |"
    yield "|---|---|---|"
    for name, kind in _sides("Sink"):
        marks = all(hasattr(kind, one) for one in ("marks", "write", "ledger"))
        yield f"| {name} | {'yes' if marks else 'no'} | {'yes' if getattr(kind, 'shared', False) else 'no'} |"


def _is_split(kind: type) -> bool:
    return issubclass(kind, Split)


def _sides(side: str) -> Iterator[tuple[str, Any]]:
    for name in names("connectors"):
        try:
            yield name, find("connectors", name, side)
        except StillwellError:
            continue


if __name__ == "__main__":
    print(page(), end="")
