"""A batch is judged by sequence rules as a whole, in as many pieces and by as many threads as there are."""

from __future__ import annotations

import pyarrow as pa

from stillwell.kernel import Kernel
from tests.kernel.records import CLOCK, batch, contract

REST = "key: id\nfields: {id: {type: string}, v: {type: integer}}\nsequence: {c: {kind: counter, field: v}}"


def test_pieces_of_a_large_batch_go_on_from_one_another():
    records = [b'{"id":"%d","v":%d}' % (at % 5, at // 5 if at % 1000 else -1) for at in range(40_000)]
    rows = batch(records)
    found = [Kernel(contract(REST), threads=threads).judge(rows, CLOCK) for threads in (1, 4)]
    assert found[0].verdicts.equals(found[1].verdicts)
    assert len(found[0].quarantined) == 39
    assert found[0].accepted.equals(found[1].accepted)


def test_no_records_are_no_history():
    found = Kernel(contract(REST)).judge(batch([]), CLOCK)
    assert (found.read, found.accepted.schema.field("v").type) == (0, pa.int64())
