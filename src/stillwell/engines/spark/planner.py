"""Plans epochs: which task reads which partitions from where on, within the bounds of what waits to be committed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from stillwell.connectors.base import Source, Split
from stillwell.delivery.slice import Position
from stillwell.engines.spark.recipe import Part, Recipe, Report
from stillwell.engines.spark.staging import Staging


class Planner:
    """Lives where Spark plans. An epoch is planned when the one before has been judged, and not planned anew."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._staging = Staging(recipe.folder)
        self._source: Source | None = None
        self._planned = 0

    def latest(self) -> int:
        """The number of the newest epoch that may be judged.

        Raises:
            RuntimeError: when nobody is left who commits.
        """
        if self._staging.abandoned():
            raise RuntimeError("the process that ran this pipeline is gone: start it again")
        reports = self._staging.reports(self._planned) if self._planned else []
        if reports is None or self._staging.full() or _over(reports):
            return self._planned
        return self._planned + 1

    def parts(self, number: int) -> Sequence[Part]:
        """The parts of an epoch."""
        self._planned = number
        plan = self._staging.plan(number)
        if plan is None:
            plan = self._plan(number)
            self._staging.put_plan(number, plan)
        return plan

    def _begin(self, number: int) -> tuple[Mapping[int, Position], Mapping[int, str]]:
        """Where an epoch begins, after what the one before read; and the words under which that was saved."""
        before = self._staging.reports(number - 1) if number > 1 else None
        if before is None:
            return self._recipe.positions, self._recipe.words
        positions: dict[int, Position] = {}
        words: dict[int, str] = {}
        for report in before:
            positions |= {**report.part.positions, **report.ends}
            words |= {**report.part.words, **dict.fromkeys(report.saved.offsets, report.saved.word)}
        return positions, words

    def _plan(self, number: int) -> list[Part]:
        positions, words = self._begin(number)
        clock = dt.datetime.now(dt.UTC)
        if self._source is None:
            self._source = self._recipe.another()
            if isinstance(self._source, Split):
                self._source.open()
        if not isinstance(self._source, Split):
            return [Part(number, 0, positions, only=False, clock=clock, words=words)]
        there = sorted(self._source.partitions_there())
        size = min(self._recipe.tasks or len(there), len(there)) or 1
        return [
            Part(
                epoch=number,
                number=begin,
                positions={one: positions.get(one, Position()) for one in there[begin::size]},
                only=True,
                clock=clock,
                words={one: words[one] for one in there[begin::size] if one in words},
            )
            for begin in range(size)
        ]

    def close(self) -> None:
        """Give the source back."""
        if self._source is not None:
            self._source.close()


def _over(reports: Sequence[Report]) -> bool:
    """Whether nothing more can come: all was read, or somebody must look at it."""
    return bool(reports) and (
        all(report.finished for report in reports)
        or any(report.failure is not None or report.stop is not None for report in reports)
    )
