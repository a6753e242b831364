"""A mark says what a sink holds of one partition; it moves only from where its writer believes it to stand."""

from __future__ import annotations

from collections.abc import Mapping

from stillwell.delivery.slice import Marks
from stillwell.errors import Fenced, Problem


def moved(stored: Mapping[str, int], marks: Marks) -> dict[str, int]:
    """All marks after the step, if each of `marks` stands where it is expected (0 when absent).

    Raises:
        Fenced: code `fenced`, naming each mark that stands elsewhere.
    """
    wrong = [
        Problem(
            "fenced",
            f"The mark `{name}` stands at {stored.get(name, 0):,} where {step.expected:,} was expected: "
            "another writer moved it.",
            "See that only one run of this pipeline writes here, then start again: it goes on from the mark.",
        )
        for name, step in marks.items()
        if stored.get(name, 0) != step.expected
    ]
    if wrong:
        raise Fenced(wrong)
    return {**stored, **{name: step.next for name, step in marks.items()}}
