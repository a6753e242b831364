"""All messages of a batch in one column, and the SQL that takes them out again.

A pandas UDF gives one value for each record: here a list of bytes, which holds the record's own message and, in some
lists, messages about the whole batch behind it. So the kernel stands once in the plan, and everything that it says goes
through one sink, in one transaction. A list is

- empty: nothing is to be written;
- topic, key, value, trace: an accepted row;
- topic, key, value, and the headers of a dead letter (`letters.NAMES`): a rejected record;
- any of these, filled up with nulls to `OWN`, and then topic, key and value of each further message.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stillwell.connectors.kafka.letters import NAMES
from stillwell.connectors.kafka.rows import HEADER

ROW = 4
OWN = 3 + len(NAMES)
EXTRA = 3
MOST = 4
"""Further messages that one list can hold."""

KIND = pa.list_(pa.binary())

Extra = tuple[bytes, bytes | None, bytes]
"""Topic, key and value of a message about the whole batch."""


def packed(rows: Sequence[pa.Array], letters: Sequence[pa.Array], extras: Sequence[list[Extra]], size: int) -> pa.Array:
    """The column, of length `size`.

    `rows` are the columns of accepted rows (topic, key, value, trace), `letters` those of rejected ones (topic, key,
    value, headers); `extras` go with the first of them, up to `MOST` with each.
    """
    lists = [_lists(rows), _lists(letters)]
    whole = pa.concat_arrays(lists)
    first = [_longer(own, more) for own, more in zip(whole[: len(extras)].to_pylist(), extras, strict=True)]
    empty = pa.array([[]] * (size - len(whole)), KIND)
    return pa.concat_arrays([pa.array(first, KIND), whole[len(extras) :], empty])


def _lists(columns: Sequence[pa.Array]) -> pa.ListArray:
    """Row by row what stands in the columns."""
    wide, long = len(columns), len(columns[0])
    order = np.arange(wide * long).reshape(wide, long).T.ravel()
    bounds = pa.array(np.arange(0, wide * long + 1, wide, dtype=np.int32))
    return pa.ListArray.from_arrays(bounds, pa.concat_arrays(columns).take(pa.array(order)))


def _longer(own: list[bytes | None], extras: list[Extra]) -> list[bytes | None]:
    return [*own, *[None] * (OWN - len(own)), *(part for extra in extras for part in extra)]


def unpacking(judged: str) -> str:
    """The SQL of the messages in what the expression `judged` gives: columns key, value, topic, headers."""
    places = [OWN + EXTRA * number for number in range(MOST)]
    cases = [
        f"WHEN {OWN + EXTRA * number} THEN ARRAY[{', '.join(map(str, (0, *places[:number])))}]"
        for number in range(1, MOST + 1)
    ]
    headers = ", ".join(f"'{name}', p[{ROW + number}]" for number, name in enumerate(NAMES))
    return f"""
        SELECT p[at_ + 2] AS message_key, p[at_ + 3] AS message_value, CAST(p[at_ + 1] AS STRING) AS topic,
            CASE WHEN at_ > 0 THEN CAST(NULL AS MAP<STRING, BYTES>)
                WHEN CARDINALITY(p) > {ROW} AND p[{OWN - 1}] IS NOT NULL THEN MAP[{headers}]
                ELSE MAP['{HEADER}', p[{ROW}]] END AS headers
        FROM (
            SELECT p, CASE CARDINALITY(p)
                WHEN 0 THEN CAST(NULL AS ARRAY<INT>) {" ".join(cases)} ELSE ARRAY[0] END AS ats
            FROM ({judged})
        ) CROSS JOIN UNNEST(ats) AS places (at_)
    """
