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
    return [taken(row["answer"]) for row in sorted(found, key=lambda row: int(row["number"]))]


def taken(content: bytes) -> Any:
    """What a task answered.

    Raises:
        StillwellError: the one that it ended with; code `other-versions`, when it has other libraries than we.
    """
    versions, error, found = _loaded(content)
    if error is not None:
        kind, problems = error
        raise kind(problems)
    if versions != VERSIONS:
        what = f"An executor has {versions}, and this process {VERSIONS}: verdicts could differ."
        raise fail(StillwellError, "other-versions", what, "Install the same versions on every machine.")
    return found


def answer(piece: Callable[[], Any]) -> bytes:
    """What a piece of work comes to, for `taken`: its answer or its error, and by which libraries."""
    try:
        return pickle.dumps((VERSIONS, None, piece()))
    except StillwellError as error:
        return pickle.dumps((VERSIONS, (type(error), error.problems), None))


def _done(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        numbers, pieces = batch.column(0), batch.column(1).to_pylist()
        answers = [answer(_loaded(piece)) for piece in pieces]
        yield pa.RecordBatch.from_arrays([numbers, pa.array(answers, pa.binary())], ["number", "answer"])


def _loaded(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301 - between this process and executors that it sent the work to
