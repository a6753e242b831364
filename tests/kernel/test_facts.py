"""Facts are counted from the rows that came out, and those of pieces add up to those of the whole."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillwell.kernel.digest import identity_hashes, payload_digest, payload_hash, total
from stillwell.kernel.facts import facts, sums
from tests.kernel.records import batch, judge
from tests.kernel.test_rows import RECORDS, REST


def test_facts_come_from_the_rows_that_came_out():
    partitions = pa.array([0, 1, 0, 1, 0, 5], pa.int32())
    judged = judge(REST, batch(RECORDS, partition=partitions))
    assert {number: (fact.read, fact.accepted, fact.quarantined) for number, fact in judged.facts.items()} == {
        0: (3, 2, 1), 1: (2, 1, 1), 5: (1, 1, 0),
    }  # fmt: skip
    for table, name in ((judged.accepted, "identity_accepted"), (judged.quarantined, "identity_quarantined")):
        rows = [row for row in table["_stillwell"].to_pylist() if row["partition"] == 1]
        identities = identity_hashes(
            *(pa.array([row[part] for row in rows]).to_numpy() for part in ("partition", "offset"))
        )
        assert getattr(judged.facts[1], name) == total(identities)


def test_facts_of_pieces_are_those_of_the_whole():
    partitions = pa.array([3, 3, 3, 1, 1, 1], pa.int32())
    table = batch(RECORDS, partition=partitions)
    pieces = [table.slice(0, 2), table.slice(2, 2), table.slice(4), table.slice(6)]
    parts = [(piece, judge(REST, piece)) for piece in pieces]
    found = facts(table, [sums(piece, part.accepted, part.quarantined) for piece, part in parts])
    assert found == judge(REST, table).facts
    assert list(found) == [1, 3]
    assert found[1].payload_read == payload_digest(pa.chunked_array([RECORDS[3:]], pa.binary()))
    assert found[3].payload_quarantined == payload_hash(RECORDS[1])
    assert facts(table.slice(6), [{}]) == {}


@pytest.mark.parametrize("run", [1, 7, 40, 500])
def test_the_digest_of_a_partition_is_that_of_its_payloads_alone_however_they_lie(run):
    count = 1200
    partition = np.array([at // run % 3 for at in range(count)], np.int32)
    payloads = [None if at % 11 == 0 else b"x" * (at % 9) + b"%d" % at for at in range(count)]
    table = pa.table({"partition": partition, "offset": np.arange(count), "payload": pa.array(payloads, pa.binary())})
    rows = pa.concat_tables([table.slice(0, 333), table.slice(333, 1), table.slice(334)])
    found = facts(rows, [])
    for number in range(3):
        alone = table.filter(pc.equal(table["partition"], number))
        assert found[number].payload_read == payload_digest(alone["payload"])
