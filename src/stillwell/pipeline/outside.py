"""Fills in what a pipeline takes from outside its file, and keeps those values out of everything a person sees."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from stillwell.contract.read import Broken, List, Map, Node, Problems, Text
from stillwell.errors import Problem, StillwellError, Where

_REFERENCE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_]\w*)(?P<else>:-(?P<default>[^}]*))?)\}|(?P<odd>\{[^}]*\}?))",
    re.ASCII,
)
_LONG = 6

OPEN = frozenset({"brokers", "cluster", "group", "marks", "path", "table", "topic"})
"""Options that say where something is: no secrets, and what a person must see to mend an address."""

_OPTION = re.compile(r"(?:^|\.)(?P<name>\w+)(?:\[\d+\])?$")
_LOGIN = re.compile(r"@|\?|://|\n")


class Filled(str):
    """A text that came from outside, at least in part: `written` is what stands in the file, and all that is shown."""

    __slots__ = ("written",)

    written: str

    def __new__(cls, value: str, written: str) -> Self:
        text = super().__new__(cls, value)
        text.written = written
        return text

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.written

    def __repr__(self) -> str:
        return repr(self.written)


@dataclass(frozen=True)
class Outside:
    """The values that were filled in and may be secret, each with the reference that stands for it."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def mask(self, text: str) -> str:
        """The text with every value replaced by its reference; a short one only where it stands alone."""
        for value, reference in sorted(self.values.items(), key=lambda one: -len(one[0])):
            pattern = re.escape(value) if len(value) >= _LONG else rf"(?<!\w){re.escape(value)}(?!\w)"
            text = re.sub(pattern, reference.replace("\\", "\\\\"), text)
        return text

    def masked(self, problem: Problem) -> Problem:
        """The problem without any value."""
        where = replace(problem.where, file=self.mask(problem.where.file))
        return Problem(problem.code, self.mask(problem.what), self.mask(problem.fix), where, self.mask(problem.path))

    @contextlib.contextmanager
    def masking(self) -> Iterator[None]:
        """Mask the problems of any error raised within."""
        try:
            yield
        except StillwellError as error:
            if not self.values:
                raise
            # Without its cause: that would show the values in a traceback.
            raise type(error)([self.masked(problem) for problem in error.problems]) from None


def env_file(node: Node, folder: Path, problems: Problems) -> dict[str, str]:
    """The variables of the file that a pipeline names by `env`; one that cannot be read is a problem."""
    named = node.entries.get("env") if isinstance(node, Map) else None
    if not isinstance(named, Text):
        return {}
    try:
        text = (folder / named.value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problems.add("unreadable", f"File {named.value} cannot be read: {why}.", "Check the path.", named.where, "env")
        return {}
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Filler:
    """Replaces `${NAME}`, `${NAME:-default}`, `${file:path}` and `$$` in the texts of a tree that is already parsed.

    As in a shell, the default also stands for an empty variable. `values` collects what was filled in and nobody may
    see: a value that stands only in options of `OPEN`, and is no URL, is no secret.
    """

    environment: Mapping[str, str]
    folder: Path
    problems: Problems
    values: dict[str, str] = field(default_factory=dict)

    def fill(self, node: Node, path: str = "") -> Node:
        """The tree with its texts filled in; each text that cannot be is a problem of code `unset` or `bad-value`."""
        if isinstance(node, Map):
            entries = {name: self.fill(one, f"{path}.{name}" if path else name) for name, one in node.entries.items()}
            return Map(entries, node.keys, node.where)
        if isinstance(node, List):
            return List(tuple(self.fill(one, f"{path}[{at}]") for at, one in enumerate(node.items)), node.where)
        return self._text(node, path) if isinstance(node, Text) and "$" in node.value else node

    def _text(self, node: Text, path: str) -> Node:
        parts: list[str] = []
        end, outside = 0, False
        for found in _REFERENCE.finditer(node.value):
            value = self._value(found, node.where, path)
            if value is None:
                return Broken(node.where)
            parts += [node.value[end : found.start()], value]
            end = found.end()
            outside = outside or found["dollar"] is None
        text = "".join([*parts, node.value[end:]])
        return Text(Filled(text, node.value) if outside else text, node.where, plain=False)

    def _value(self, found: re.Match[str], where: Where, path: str) -> str | None:
        """What a reference stands for; None when that is nothing, which is then a problem."""
        if found["dollar"]:
            return "$"
        if found["odd"]:
            what = f"`{found[0]}` is no reference."
            fix = "Write ${NAME}, ${NAME:-default} or ${file:path}; a dollar by itself is $$."
            self.problems.add("bad-value", what, fix, where, path)
            return None
        value = self._file(found["file"], where, path) if found["file"] else self.environment.get(found["name"])
        if value:
            if found["file"] or not _is_open(path, f"{found.string} {value}"):
                self._keep(value, f"${{file:{found['file']}}}" if found["file"] else f"${{{found['name']}}}")
            return value
        if found["name"] and found["else"]:
            return found["default"]
        if found["name"]:
            state = "is not set" if value is None else "is empty"
            what, fix = f"Environment variable {found['name']} {state}.", f"export {found['name']}=…"
            self.problems.add("unset", what, fix, where, path)
        return None

    def _file(self, name: str, where: Where, path: str) -> str | None:
        try:
            text = (self.folder / name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self.problems.add("unset", f"File {name} cannot be read: {why}.", "Check the path.", where, path)
            return None
        if not text:
            self.problems.add("unset", f"File {name} is empty.", "Write the value into it.", where, path)
        return text

    def _keep(self, value: str, reference: str) -> None:
        # A message may show one line of a key that has many.
        for piece in (value, *value.splitlines()):
            if piece.strip():
                self.values.setdefault(piece.strip(), reference)


def _is_open(path: str, text: str) -> bool:
    """Whether an option holds no secret: neither by its name nor, as URLs may, in its text."""
    option = _OPTION.search(path)
    return option is not None and option["name"] in OPEN and ".config." not in path and not _LOGIN.search(text)
