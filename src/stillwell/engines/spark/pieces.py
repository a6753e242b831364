"""Does pieces of work that do not depend on each other in the executors, and gives their answers in order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from stillwell._need import need
from stillwell.engines._taken_up import VERSIONS
from stillwell.errors import StillwellError, fail

Answer = TypeVar("Answer")


def spread(spark: Any, work: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers of all pieces, in their order. Pieces and answers are pickled; each piece is a task.

    Raises:
        StillwellError: that of the first piece that raises one; code `other-versions`.
    """
    functions = need("pyspark.sql.functions", who="The engine `spark`", extra="spark")
    rows = [(number, bytearray(pickle.dumps(piece))) for number, piece in enumerate(work)]
    frame = spark.createDataFrame(rows, "number int, piece binary")
    # One task for each piece, also where there are few of them.
    parted = frame.repartitionByRange(len(work), functions.col("number"))
    found = parted.mapInArrow(_done, "number int, answer binary").collect()
    answers = {row["number"]: _loaded(row["answer"]) for row in found}
    for number in sorted(answers):
        versions, error, _ = answers[number]
        if error is not None:
            kind, problems = error
            raise kind(problems)
        if versions != VERSIONS:
            what = f"An executor has {versions}, and this process {VERSIONS}: verdicts could differ."
            raise fail(StillwellError, "other-versions", what, "Install the same versions on every machine.")
    return [answers[number][2] for number in range(len(work))]


def _done(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        numbers, pieces = batch.column(0), batch.column(1).to_pylist()
        answers = [pickle.dumps(_answer(_loaded(piece))) for piece in pieces]
        yield pa.RecordBatch.from_arrays([numbers, pa.array(answers, pa.binary())], ["number", "answer"])


def _answer(piece: Callable[[], Any]) -> tuple[Any, Any, Any]:
    try:
        return VERSIONS, None, piece()
    except StillwellError as error:
        return VERSIONS, (type(error), error.problems), None


def _loaded(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301 - between this process and executors that it sent the work to
