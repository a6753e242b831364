"""Writes a tree of texts back as YAML, every text in double quotes: what is read again is the same tree."""

from __future__ import annotations

from stillwell.contract.read import List, Map, Node, Text

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write(node: Node) -> str:
    """The YAML of a tree: maps in blocks, lists in brackets; comments and places are gone."""
    return "".join(_lines(node, "")) if isinstance(node, Map) and node.entries else _flow(node) + "\n"


def _lines(node: Map, indent: str) -> list[str]:
    lines = []
    for name, value in node.entries.items():
        if isinstance(value, Map) and value.entries:
            lines += [f"{indent}{quoted(name)}:\n", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{quoted(name)}: {_flow(value)}\n")
    return lines


def _flow(node: Node) -> str:
    if isinstance(node, Map):
        return "{" + ", ".join(f"{quoted(name)}: {_flow(value)}" for name, value in node.entries.items()) + "}"
    if isinstance(node, List):
        return "[" + ", ".join(_flow(item) for item in node.items) + "]"
    return quoted(node.value) if isinstance(node, Text) else quoted("")


def quoted(text: str) -> str:
    """A text in double quotes, on one line."""
    return '"' + "".join(_ESCAPES.get(char) or _printable(char) for char in text) + '"'


def _printable(char: str) -> str:
    code = ord(char)
    if 32 <= code < 127 or (160 <= code < 0x2028 and char.isprintable()):
        return char
    return f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}" if code < 65536 else f"\\U{code:08X}"
