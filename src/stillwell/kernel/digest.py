"""Checksums that stay the same for years: what the ledger keeps and `audit` computes again.

Identity hash: splitmix64 of `offset + (partition << 48)` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, 2014). Payload hash and digest: XXH3, 64 and 128 bits (the xxHash specification, version 0.2). Sums are
taken modulo 2**64, never XOR, under which pairs cancel.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash


@dataclass(frozen=True)
class Facts:
    """What one slice held and what became of it; every sum can be computed again from source and sinks.

    `identity_*` are sums of the identity hash over (partition, offset), `payload_quarantined` the sum of
    the payload hash over quarantined records, each modulo 2**64; `payload_read` is the digest (hex) of all payloads in
    the order of offsets, empty for input without bytes.
    """

    read: int
    accepted: int
    quarantined: int
    identity_read: int
    identity_accepted: int
    identity_quarantined: int
    payload_read: str
    payload_quarantined: int

    @property
    def conserved(self) -> bool:
        """Law 1: what was read is what was accepted and what was quarantined, by count and by identity."""
        return (
            self.read == self.accepted + self.quarantined
            and self.identity_read == (self.identity_accepted + self.identity_quarantined) % 2**64
        )


def identity_hashes(partition: npt.NDArray[np.int32], offset: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The identity hash of each record, two arrays of length n in, one out."""
    state = offset.astype(np.uint64) + (partition.astype(np.uint64) << np.uint64(48))
    state += np.uint64(0x9E3779B97F4A7C15)
    return mixed(state)


def mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64, in place: every bit of the state changes about half of the bits of the result."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def total(hashes: npt.NDArray[np.uint64]) -> int:
    """The sum of hashes modulo 2**64."""
    return int(np.add.reduce(hashes, dtype=np.uint64)) if len(hashes) else 0


def payload_hash(payload: bytes | None) -> int:
    """The payload hash of one record; a null payload is not the empty one."""
    return 0 if payload is None else xxhash.xxh3_64_intdigest(payload)


def payload_digest(payloads: pa.ChunkedArray) -> str:
    """The digest (hex) of payloads in their order: of all lengths (int64, -1 for null) and of all bytes.

    Chunk boundaries do not change it: lengths and bytes are digested as two streams, and the digest is that of both.
    """
    found = _Streams()
    for chunk in payloads.chunks:
        if len(chunk):
            sizes, offsets, data = _parts(chunk)
            found.add(sizes, data, int(offsets[0]), int(offsets[-1]))
    return found.digest()


def payload_digests(payloads: pa.ChunkedArray, partition: npt.NDArray[np.int32]) -> Mapping[int, str]:
    """The digests of the payloads of each partition, given by row.

    Messages of one partition mostly come many in a row: each run is digested where it lies.
    """
    found: dict[int, _Streams] = {}
    begin = 0
    for chunk in payloads.chunks:
        own = partition[begin : begin + len(chunk)]
        begin += len(chunk)
        if not len(chunk):
            continue
        sizes, offsets, data = _parts(chunk)
        bounds = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)]
        for low, high in itertools.pairwise(bounds):
            streams = found.setdefault(int(own[low]), _Streams())
            streams.add(sizes[low:high], data, int(offsets[low]), int(offsets[high]))
    return {number: streams.digest() for number, streams in found.items()}


class _Streams:
    """Lengths and bytes as they are digested."""

    def __init__(self) -> None:
        self._lengths, self._content = xxhash.xxh3_128(), xxhash.xxh3_128()

    def add(self, sizes: npt.NDArray[np.int64], data: memoryview | None, low: int, high: int) -> None:
        """Payloads of these sizes, whose bytes lie together."""
        self._lengths.update(sizes.tobytes())
        if data is not None:
            self._content.update(data[low:high])

    def digest(self) -> str:
        """Of all that was added."""
        return xxhash.xxh3_128_hexdigest(self._lengths.digest() + self._content.digest())


def _parts(chunk: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], memoryview | None]:
    """Of payloads their sizes (-1 for null), where each begins and the last ends, and the bytes."""
    null = np.asarray(chunk.is_null()) if chunk.null_count else None
    # Arrow lets any bytes lie under a null; they are no payload.
    filled = chunk if null is None else chunk.fill_null(b"")
    width = np.int64 if pa.types.is_large_binary(filled.type) else np.int32
    _, buffer, data = filled.buffers()
    offsets = np.frombuffer(buffer, width)[filled.offset : filled.offset + len(filled) + 1]
    sizes = np.diff(offsets).astype("<i8")
    if null is not None:
        sizes[null] = -1
    return sizes, offsets, None if data is None else memoryview(data)
