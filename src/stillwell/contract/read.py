"""Reads YAML as texts with places: what YAML would misread in silence is refused with a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from stillwell.errors import Problem, StillwellError, Where, fail

DEEPEST = 64
NULLS = {"", "~", "null", "Null", "NULL"}
QUOTE_WHOLE = "Put double quotes around the whole text."


@dataclass(frozen=True)
class Text:
    """A scalar, exactly as written; `plain` when it had no quotes."""

    value: str
    where: Where
    plain: bool = True


@dataclass(frozen=True)
class List:
    """A sequence."""

    items: tuple[Node, ...]
    where: Where


@dataclass(frozen=True)
class Map:
    """A mapping in the order of the file; `keys` says where each key stands."""

    entries: Mapping[str, Node]
    keys: Mapping[str, Where]
    where: Where


@dataclass(frozen=True)
class Broken:
    """A place whose problem is already reported: readers pass over it."""

    where: Where


Node: TypeAlias = Text | List | Map | Broken


class Problems:
    """Collects the problems of a file; a template's is kept once, however many fields use it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Where, str], Problem] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found.values())

    def add(self, code: str, what: str, fix: str, where: Where, path: str = "") -> None:
        """Note a problem, unless the same was said of the same place."""
        self._found.setdefault((code, where, what), Problem(code, what, fix, where, path))

    def stop(self, kind: type[StillwellError]) -> None:
        """Raise everything found as one error; do nothing when all is well."""
        if self._found:
            raise kind(self)


def read_text(path: Path, kind: type[StillwellError]) -> str:
    """The text of a file.

    Raises:
        StillwellError: `kind`, code `unreadable`, when it cannot be opened or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise fail(
            kind, "unreadable", f"Cannot read {path}: {error.strerror}.", "Check the path.", where=Where(str(path))
        ) from error
    except UnicodeDecodeError as error:
        raise fail(
            kind, "unreadable", f"{path} is not UTF-8.", "Save the file as UTF-8.", where=Where(str(path))
        ) from error


def read(text: str, file: str, problems: Problems) -> Node:
    """The one document of `text` as a tree of texts; what is wrong with its YAML goes to `problems`."""
    return _Reader(text, file, problems).document()


class _Reader:
    """Builds the tree from PyYAML's events, which still know anchors, tags and quotes."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text, self._file, self._problems = text, file, problems
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._path: list[str] = []
        self._open: list[yaml.Mark] = []
        # The plain text inside {…} or […] that a comma or bracket may have cut: the suspect when the syntax breaks.
        self._cut: tuple[Text, str] | None = None

    def document(self) -> Node:
        nowhere = Broken(Where(self._file, 1, 1))
        try:
            next(self._events)
            event = next(self._events)
            if isinstance(event, yaml.StreamEndEvent):
                self._add("missing-key", "The file is empty.", "Write at least its name and its keys.", nowhere.where)
                return nowhere
            node = self._node(next(self._events))
            next(self._events)
            event = next(self._events)
            if isinstance(event, yaml.DocumentStartEvent):
                self._add("yaml", "A second document begins here.", "Keep one document a file.", self._at(event))
            return node
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        except yaml.reader.ReaderError as error:
            place = self._place(error.position)
            code = f"U+{ord(error.character):04X}" if isinstance(error.character, str) else f"{error.character:#x}"
            self._add("yaml", f"The character {code} is not allowed in YAML.", 'Write it as "\\u…".', place)
        return nowhere

    def _node(self, event: yaml.Event, flow: bool = False) -> Node:
        where = self._at(event)
        if isinstance(event, yaml.AliasEvent):
            self._add("yaml", f"`*{event.anchor}` is a YAML alias.", _NO_ANCHORS, where)
            return Broken(where)
        broken = self._marked(event, where)
        if isinstance(event, yaml.ScalarEvent):
            text = Text(event.value, where, plain=event.style is None)
            if flow and text.plain and text.value and (self._cut is None or _balanced(self._cut[0].value)):
                self._cut = (text, self._named())
            return Broken(where) if broken else text
        if len(self._path) >= DEEPEST:
            self._add("yaml", f"Nested deeper than {DEEPEST} levels.", "Flatten it.", where)
            raise yaml.MarkedYAMLError(problem=None)
        if event.flow_style:
            self._open.append(event.start_mark)
        node = self._map(event, where) if isinstance(event, yaml.MappingStartEvent) else self._list(event, where)
        if event.flow_style:
            self._open.pop()
            self._cut = None
        return Broken(where) if broken else node

    def _marked(self, event: yaml.Event, where: Where) -> bool:
        if event.anchor is not None:
            self._add("yaml", f"`&{event.anchor}` is a YAML anchor.", _NO_ANCHORS, where)
        if event.tag is not None:
            self._add(
                "yaml", f"`{event.tag}` is a YAML tag.", "Leave it out; quote a text that begins with `!`.", where
            )
        return event.anchor is not None or event.tag is not None

    def _list(self, start: yaml.SequenceStartEvent, where: Where) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(f"[{len(items)}]")
            items.append(self._value(self._node(event, start.flow_style), start.flow_style))
            self._path.pop()
        return List(tuple(items), where)

    def _map(self, start: yaml.MappingStartEvent, where: Where) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Where] = {}
        previous: Node | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event)
            if not isinstance(key, Text):
                self._add("yaml", "A key must be one text.", "Write `name: value`.", self._at(event))
                self._node(next(self._events), start.flow_style)
                continue
            self._path.append(key.value)
            value = self._node(next(self._events), start.flow_style)
            if start.flow_style and _absent(value) and _cut_by_comma(previous):
                self._path.pop()
                self._quoting(previous)
                continue
            value = previous = self._value(value, start.flow_style)
            if key.plain and key.value == "<<":
                self._add("yaml", "`<<` merges maps, which hides where a value comes from.", _NO_ANCHORS, key.where)
            elif key.value in entries:
                first = keys[key.value].line
                self._add("duplicate-key", f"`{key.value}` is already there (line {first}).", "Remove one.", key.where)
            else:
                entries[key.value], keys[key.value] = value, key.where
            self._path.pop()
        return Map(entries, keys, where)

    def _value(self, node: Node, flow: bool) -> Node:
        """The node, or what is left of it when it stands for nothing or was cut by a comma."""
        if isinstance(node, Text) and node.plain and node.value in NULLS:
            what = f"`{node.value}` is no value." if node.value else "There is no value."
            self._add("empty-value", what, "Leave the key out, write a value, or quote it.", node.where)
            return Broken(node.where)
        if isinstance(node, Text) and node.plain and flow and not _balanced(node.value):
            self._quoting(node)
            return Broken(node.where)
        return node

    def _quoting(self, node: Node | None) -> None:
        if isinstance(node, Text):
            what = f"The comma ended the text here: `{node.value}`."
            self._add("quoting", what, QUOTE_WHOLE, node.where)

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        if error.problem is None:
            return
        mark = error.problem_mark or error.context_mark
        where = Where(self._file, mark.line + 1, mark.column + 1) if mark else Where(self._file)
        problem, context = error.problem, error.context or ""
        found = self._text[mark.index : mark.index + 1] if mark and mark.index is not None else ""
        if "unknown escape character" in problem:
            escape = "\\" + problem.split("'")[1]
            what = f"In double quotes `{escape}` is not a known escape."
            backslash = Where(self._file, where.line, where.column - 1)
            self._add("quoting", what, "Use single quotes: they keep a backslash as it is.", backslash)
        elif "cannot start any token" in problem:
            tab = found == "\t"
            what = "A tab cannot indent YAML." if tab else f"A text cannot begin with `{found}` without quotes."
            self._add("yaml" if tab else "quoting", what, "Indent with blanks." if tab else QUOTE_WHOLE, where)
        elif "mapping values are not allowed" in problem:
            what = "A colon and a blank begin a value, and there is one already."
            self._add("quoting", what, "Put double quotes around a text that holds `: `, or start a new line.", where)
        elif self._open:
            self._broken_flow(self._open[-1], where, found)
        else:
            what = f"This is not YAML: {problem}" + (f", {context}" if context else "") + "."
            self._add("yaml", what, "Correct it, or put quotes around a text that begins with `[` or `{`.", where)

    def _broken_flow(self, opened: yaml.Mark, where: Where, found: str) -> None:
        """The syntax of a {…} or […] broke: by a text without quotes, by a comment, or because it was not closed."""
        line = self._text[opened.index :].partition("\n")[0]
        comment = re.search(r"\s#", line)
        if self._cut and (found in ("[", "{", "'", '"') or not _balanced(self._cut[0].value)):
            text, path = self._cut
            sign = "comma" if not _balanced(text.value) else f"`{found}`"
            what = f"The {sign} ended the text here: `{text.value}`."
            self._problems.add("quoting", what, QUOTE_WHOLE, text.where, path)
        elif comment:
            place = Where(self._file, opened.line + 1, opened.column + comment.start() + 2)
            what = f"` #` begins a comment, so the `{line[0]}` before it stays open."
            self._add("quoting", what, QUOTE_WHOLE, place)
        else:
            place = Where(self._file, opened.line + 1, opened.column + 1)
            what = f"The `{line[0]}` that opens here is not closed before line {where.line}."
            self._add("yaml", what, "Close it, and put a comma between its parts.", place)

    def _add(self, code: str, what: str, fix: str, where: Where) -> None:
        self._problems.add(code, what, fix, where, self._named())

    def _named(self) -> str:
        return ".".join(self._path).replace(".[", "[")

    def _at(self, event: yaml.Event) -> Where:
        return Where(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _place(self, position: int) -> Where:
        before = self._text[:position]
        return Where(self._file, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


_NO_ANCHORS = "Write it out (in a contract, shared fields go under `types`); quote it if it is text."


def _balanced(text: str) -> bool:
    return text.count("(") == text.count(")")


def _absent(node: Node) -> bool:
    return isinstance(node, Text) and node.plain and not node.value


def _cut_by_comma(node: Node | None) -> bool:
    return node is not None and (isinstance(node, Broken) or (isinstance(node, Text) and node.plain))
