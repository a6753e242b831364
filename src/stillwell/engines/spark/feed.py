"""The epochs of a run as a streaming source of Spark, in whose tasks records are read, judged and staged.

A micro-batch is an epoch; its offset is the epoch's number alone. Where reading goes on is what reports say, and at
first what ledger and sinks said: Spark's checkpoint tells nobody anything. Of records only counts go through the JVM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from stillwell._need import need
from stillwell.engines.spark.planner import Planner
from stillwell.engines.spark.recipe import Part, Recipe

SCHEMA = "part int, read long, accepted long, quarantined long, judged long"

_spark: Any = need("pyspark.sql.datasource", who="The engine `spark`", extra="spark")


class Feed(_spark.DataSource):  # type: ignore[misc]
    """Made anew for each run, by `feed`: only so the recipe travels with the class, and is seen nowhere."""

    recipe: Recipe

    @classmethod
    def name(cls) -> str:
        """The format under which a run registers it."""
        return f"stillwell-{cls.recipe.folder.name}"

    def schema(self) -> str:
        """One row a task."""
        return SCHEMA

    def streamReader(self, schema: object) -> Reader:  # noqa: N802, ARG002 - Spark's own name
        """What plans and reads."""
        return Reader(self.recipe)


class Reader(_spark.DataSourceStreamReader):  # type: ignore[misc]
    """Plans beside the driver, and reads in the executors."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._planner: Planner | None = None

    @property
    def planner(self) -> Planner:
        """Made where it is needed: it does not travel."""
        self._planner = self._planner or Planner(self._recipe)
        return self._planner

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Before the first epoch."""
        return {"epoch": 0}

    def latestOffset(self) -> dict[str, int]:  # noqa: N802
        """The next epoch, if there may be one now: it is read up to its limits, whatever waits behind them."""
        return {"epoch": self.planner.latest()}

    def partitions(self, _start: dict[str, int], end: dict[str, int]) -> Sequence[Any]:
        """The parts of an epoch."""
        return [_spark.InputPartition(part) for part in self.planner.parts(end["epoch"])]

    def read(self, partition: Any) -> Iterator[pa.RecordBatch]:
        """Read, judge and stage one part; gives its counts."""
        # Only executors need the kernel: where Spark plans, a process is started for each run.
        from stillwell.engines.spark.task import perform

        part: Part = partition.value
        report = perform(self._recipe, part)
        accepted = sum(one.accepted for one in report.facts.values())
        counts = (part.number, report.read, accepted, report.read - accepted, report.judged)
        types = (pa.int32(), *[pa.int64()] * 4)
        names = [one.split()[0] for one in SCHEMA.split(", ")]
        arrays = [pa.array([count], kind) for count, kind in zip(counts, types, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names)

    def commit(self, end: dict[str, int]) -> None:
        """Committed is what sinks hold: nothing to do."""

    def stop(self) -> None:
        """Give back what planning took."""
        if self._planner is not None:
            self._planner.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"_recipe": self._recipe, "_planner": None}


def feed(recipe: Recipe) -> type[Feed]:
    """The source of one run: a class that is pickled whole, with its recipe."""
    return type(f"Feed_{recipe.folder.name}", (Feed,), {"recipe": recipe, "__module__": "__main__"})
