"""The checksums are those of their published algorithms, and will be in ten years."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.digest import Facts, identity_hashes, payload_digest, payload_hash, total
from tests.kernel.odd import fixed

PAYLOADS = [b"", None, b"a", b'{"a": 1}', b"\xff" * 40, None, b"x" * 300]


def identity(partition, offset):
    """splitmix64 of the published algorithm, in Python's integers."""
    state = (offset + (partition << 48) + 0x9E3779B97F4A7C15) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def hashes(partitions, offsets):
    return identity_hashes(np.array(partitions, np.int32), np.array(offsets, np.int64)).tolist()


def test_the_identity_hash_is_splitmix64():
    # The first outputs of Vigna's splitmix64.c with seed 0.
    gamma, seed = 0x9E3779B97F4A7C15, 0
    outputs = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [identity(0, (seed + step * gamma) % 2**64) for step in range(3)] == outputs
    assert hashes([0], [0]) == outputs[:1]


def test_identity_hashes_that_ledgers_hold_never_change():
    assert hashes([0, 0, 3, 3, 2**31 - 1], [0, 1, 0, 2**40, 2**62]) == [
        16294208416658607535,
        10451216379200822465,
        identity(3, 0),
        identity(3, 2**40),
        identity(2**31 - 1, 2**62),
    ]


@fixed
@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)), min_size=1, max_size=20))
def test_sums_of_identity_hashes_wrap_at_64_bits(records):
    partitions, offsets = zip(*records, strict=True)
    found = identity_hashes(np.array(partitions, np.int32), np.array(offsets, np.int64))
    assert total(found) == sum(identity(*record) for record in records) % 2**64


def test_the_sum_of_nothing_is_zero():
    assert total(identity_hashes(np.zeros(0, np.int32), np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(None, 0), (b"", 0x2D06800538D394C2), (b"a", 0xE6C632B61E964E1F), (b"abc", 0x78AF5F94892F3950)],
)
def test_the_payload_hash_is_xxh3_of_64_bits(payload, expected):
    assert payload_hash(payload) == expected


def test_the_payload_digest_never_changes():
    assert (
        payload_digest(pa.chunked_array([pa.array([b"", None, b"a", b'{"a": 1}'])]))
        == "1e0d0888d0d7433a4e028e35d08c73c4"
    )


def test_a_null_is_not_the_empty_payload_and_borders_count():
    digests = [
        payload_digest(pa.chunked_array([pa.array(payloads, pa.binary())]))
        for payloads in ([None], [b""], [], [b"ab"], [b"a", b"b"], [b"", b"ab"], [b"b", b"a"], [b"", None], [None, b""])
    ]
    assert len(set(digests)) == len(digests)


@fixed
@given(
    st.lists(st.none() | st.binary(max_size=5), max_size=12), st.lists(st.integers(0, 12), max_size=4), st.booleans()
)
def test_the_payload_digest_does_not_depend_on_chunks_slices_or_width(payloads, cuts, wide):
    kind = pa.large_binary() if wide else pa.binary()
    edges = sorted({0, len(payloads), *(min(cut, len(payloads)) for cut in cuts)})
    padded = pa.array([b"before", *payloads, b"after"], kind).slice(1, len(payloads))
    parts = [padded.slice(low, high - low) for low, high in itertools.pairwise(edges)]
    whole = pa.chunked_array([pa.array(payloads, pa.binary())])
    assert payload_digest(pa.chunked_array(parts, kind)) == payload_digest(whole)


def test_bytes_that_arrow_keeps_under_a_null_are_no_payload():
    dirty = pa.Array.from_buffers(
        pa.binary(), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(np.array([0, 3, 4], np.int32)), pa.py_buffer(b"abcd")]
    )
    assert dirty.to_pylist() == [None, b"d"]
    clean = pa.array([None, b"d"], pa.binary())
    assert payload_digest(pa.chunked_array([dirty])) == payload_digest(pa.chunked_array([clean]))


def test_facts_are_conserved_by_count_and_by_identity():
    whole, one, other = identity(0, 1), identity(0, 2), identity(0, 3)
    parts = {"payload_read": "", "payload_quarantined": 0}
    good = Facts(2, 1, 1, (one + other) % 2**64, one, other, **parts)
    assert good.conserved
    assert not Facts(3, 1, 1, (one + other) % 2**64, one, other, **parts).conserved
    assert not Facts(2, 1, 1, (one + other) % 2**64, one, whole, **parts).conserved
