"""Checks a regular expression against the portable part of RE2: what every engine reads alike."""

from __future__ import annotations

import re
import warnings

from stillwell.contract.scalars import Unreadable

# What Python's syntax has and RE2 has not, longest first; each with the words for it.
_FOREIGN = (
    (r"\(\?<?[=!]", "look-around"),
    (r"\(\?P=", "a reference back to a group"),
    (r"\(\?\(", "a condition on a group"),
    (r"\(\?>", "an atomic group"),
    (r"\(\?#", "a comment"),
    (r"\(\?[a-zA-Z]*[auxLU]", "a flag other than i, m or s"),
    (r"\\[1-9]", "a reference back to a group"),
    (r"\\[ZuUN]", "an escape that RE2 does not know"),
    (r"(?:[*+?]|\{\d+,?\d*\})\+", "a possessive repetition"),
)
_UNIT = re.compile(r"\\.|\[(?:\^?\](?:\\.|[^\]\\])*|(?:\\.|[^\]\\])*)\]|[^\\\[]+|.", re.DOTALL)

_ODD_IN_CLASS = re.compile(r"(?<!\\)(?:\\\\)*\\(?![afnrtvdswDSWpPx0])[A-Za-z0-9]")


def pattern(text: str) -> str:
    """The pattern itself, when it is in the portable part of RE2.

    Raises:
        Unreadable: for what RE2 has not (look-around, references back), what is no pattern, or a control character.
    """
    if control := next((char for char in text if ord(char) < 32), None):
        raise Unreadable(
            f"The pattern holds the control character {control!r}.",
            "Use single quotes: in double quotes `\\b` is a backspace.",
            "quoting",
        )
    outside = "".join(unit if not unit.startswith("[") else "a" for unit in _UNIT.findall(text))
    bare = re.sub(r"\\[^1-9ZuUN]", "a", outside)
    for foreign, words in _FOREIGN:
        if re.search(foreign, bare):
            raise Unreadable(f"The pattern uses {words}, which RE2 has not.", "Write it without, or as a rule.")
    if any(_ODD_IN_CLASS.search(unit) for unit in _UNIT.findall(text) if unit.startswith("[")):
        raise Unreadable("The pattern has an escape in brackets that RE2 does not know.", "Write the character itself.")
    if any(int(count) > 1000 for count in re.findall(r"\{(\d+)", outside) + re.findall(r"\{\d*,(\d+)", outside)):
        raise Unreadable(
            "The pattern repeats more than 1000 times, which RE2 refuses.", "Use `max_length` for lengths."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(as_python(text))
    except (re.error, OverflowError, RecursionError) as error:
        raise Unreadable(
            f"`{text}` is not a regular expression: {error}.", "Correct it; test it with an example."
        ) from None
    return text


def as_python(text: str) -> str:
    """RE2's own spellings in Python's: a class of Unicode or POSIX becomes one character."""
    text = re.sub(r"\\[pP](\{\^?\w+\}|[A-Z])", "a", text)
    return re.sub(r"\[:\^?[a-z]+:\]", "a", text).replace(r"\z", r"\Z")
