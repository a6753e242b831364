"""A limited look takes as many records of each partition as there are, up to the same share."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from stillwell.cli._share import shares
from tests.connectors.kafka.stage import create, numbers, produce, source

SIZES = (3000, 20, 0, 3)


@pytest.fixture(scope="module")
def uneven(kafka):
    """A topic whose partitions differ."""
    create(kafka, "uneven", len(SIZES))
    for partition, size in enumerate(SIZES):
        produce(kafka, "uneven", numbers(size), partition)
    return "uneven"


@pytest.mark.parametrize(
    ("limit", "due"),
    [
        (1, {0: 1}),
        (6, {0: 2, 1: 2, 3: 2}),
        (9, {0: 3, 1: 3, 3: 3}),
        (43, {0: 20, 1: 20, 3: 3}),
        (2000, {0: 1977, 1: 20, 3: 3}),
        (5000, {0: 3000, 1: 20, 3: 3}),
    ],
)
def test_each_partition_has_its_share_and_each_record_comes_once(kafka, uneven, tmp_path, limit, due):
    found = source(kafka, uneven, tmp_path, until="end")
    found.open()
    table = pa.concat_tables(shares(found, limit, found.read))
    found.close()
    places = sorted(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
    assert dict(Counter(partition for partition, _ in places)) == due
    assert places == [(partition, offset) for partition, count in due.items() for offset in range(count)]


def test_of_an_empty_topic_there_is_nothing(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    found = source(kafka, topic, tmp_path, until="end")
    found.open()
    assert list(shares(found, 10, found.read)) == []
    found.close()
