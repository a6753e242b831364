"""Checks the options of a plug-in against its model: each fault is a problem at the line and column of that option."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from stillwell.contract.read import List, Map, Node, Problems
from stillwell.errors import BadOption, did_you_mean
from stillwell.pipeline.model import Part
from stillwell.pipeline.outside import Filled

_WORDS = re.compile(r"'([^']*)'")


def read_options(part: Part, model: type[BaseModel], problems: Problems) -> BaseModel | None:
    """The options of `part` as its model has them; None when something is wrong, which `problems` then tell."""
    if "explode" in part.options and "explode" not in model.model_fields:
        where, path = part.where(("explode",), key=True), f"{part.path}.explode"
        problems.add("not-supported", "Many records in one message cannot be read yet.", "Leave it out.", where, path)
        return None
    try:
        options = model.model_validate(part.options)
    except ValidationError as error:
        # A value that may be several things has a fault for each of them, and is one problem.
        alike: dict[object, list[Mapping[str, Any]]] = {}
        for fault in error.errors(include_url=False):
            steps = _steps(part.node, fault["loc"])
            alike.setdefault(fault["loc"] if fault["type"] == "missing" else steps, []).append(fault)
        for faults in alike.values():
            _tell(faults, part, model, problems)
        return None
    for steps in _written_secrets(options, part.options):
        path = ".".join((part.path, *steps))
        fix = "Write ${NAME} and set that variable, or ${file:path}; `env: .env` names a file of variables."
        problems.add("secret", f"`{steps[-1]}` is written out.", fix, part.where(steps), path)
    return options


def _written_secrets(options: BaseModel, given: object, outer: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a secret was written as it is: what is nobody else's to see comes from outside."""
    for name, value in options:
        told = given.get(name) if isinstance(given, Mapping) else None
        if isinstance(value, SecretStr) and not isinstance(told, Filled):
            yield (*outer, name)
        elif isinstance(value, BaseModel):
            yield from _written_secrets(value, told, (*outer, name))


def _tell(faults: Sequence[Mapping[str, Any]], part: Part, model: type[BaseModel], problems: Problems) -> None:
    """Add the problem of the faults that one value has."""
    kind, location = faults[0]["type"], faults[0]["loc"]
    steps = _steps(part.node, location)
    named = ".".join(map(str, steps))
    path = f"{part.path}.{named}" if named else part.path
    if kind == "extra_forbidden":
        inside = ".".join(map(str, steps[:-1])) or part.name
        what, name = f"`{inside}` has no option `{steps[-1]}`.", str(steps[-1])
        problems.add("unknown-key", what, did_you_mean(name, _known(model, steps)), part.where(steps, key=True), path)
    elif kind == "missing":
        what, name = f"`{named or part.name}` needs `{location[-1]}`.", location[-1]
        problems.add("missing-key", what, f"Add `{name}`.", part.where(steps, key=True), path)
    else:
        what, fix = _words(faults, steps)
        problems.add("bad-value", what, fix, part.where(steps, key="[key]" in location), path)


def _words(faults: Sequence[Mapping[str, Any]], steps: Sequence[str | int]) -> tuple[str, str]:
    """What is wrong with a value, and what to write; a value from outside is shown as it is written in the file."""
    given, message = faults[0]["input"], str(faults[0]["msg"]).removeprefix("Value error, ")
    shown = given.written if isinstance(given, Filled) else given
    if faults[0]["type"] == "literal_error":
        known = [word for fault in faults for word in _WORDS.findall(str(fault.get("ctx", {}).get("expected", "")))]
        return f"`{shown}` is not one of {', '.join(known)}.", did_you_mean(str(shown), known)
    if faults[0]["type"] == "value_error":
        told = faults[0]["ctx"]["error"]
        return f"{message[:1].upper()}{message[1:]}.", told.fix if isinstance(told, BadOption) else "Change it."
    what = f"`{shown}` is not a good value{f' of `{steps[-1]}`' if steps else ''}."
    if faults[0]["type"].startswith("byte_size"):
        return what, "Write a number of bytes, or one with its unit, such as 16MiB."
    return what if isinstance(given, str) else "This is not a good value.", f"{message.replace('Input', 'It', 1)}."


def _steps(node: Node | None, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of a location that is in the file: without names of types that the model puts in between."""
    steps: list[str | int] = []
    for step in location:
        if isinstance(node, Map) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            continue
        steps.append(step)
    return tuple(steps)


def _known(model: type[BaseModel], steps: Sequence[str | int]) -> list[str]:
    """The options that there are at the place of the last step."""
    for step in steps[:-1]:
        annotation = model.model_fields[str(step)].annotation if str(step) in model.model_fields else None
        inner = _models(annotation)
        if not inner:
            break
        model = inner[0]
    return list(model.model_fields)


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models that a value of this annotation may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for one in get_args(annotation) for model in _models(one)]
