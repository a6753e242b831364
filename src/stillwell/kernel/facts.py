"""The facts of a batch: what was read of each partition and what became of it, counted and summed piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.digest import Facts, identity_hashes, payload_digest, payload_digests, payload_hash, total
from stillwell.kernel.flags import Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.program import TRACE_COLUMN


def sums(batch: pa.Table, accepted: pa.Table, quarantined: pa.Table) -> Mapping[int, Facts]:
    """Counts and checksums of each partition: of what was read, and, from the rows themselves, of what became of it.

    All but the digest of the payloads, which are to be taken in the order of a whole batch.
    """
    read, good, bad = _identities(batch), _identities(_origin(accepted)), _identities(_origin(quarantined))
    found = {}
    for partition in _partitions(batch):
        (_, hashes), (_, kept), (lost, rejected) = (_of(one, partition) for one in (read, good, bad))
        payload = 0
        if "payload" in batch.column_names:
            rejects = quarantined["payload"] if lost is None else quarantined["payload"].filter(pa.array(lost))
            payload = sum(map(payload_hash, rejects.to_pylist())) % 2**64
        found[partition] = Facts(
            read=len(hashes),
            accepted=len(kept),
            quarantined=len(rejected),
            identity_read=total(hashes),
            identity_accepted=total(kept),
            identity_quarantined=total(rejected),
            payload_read="",
            payload_quarantined=payload,
        )
    return found


def facts(batch: pa.Table, pieces: Sequence[Mapping[int, Facts]]) -> Mapping[int, Facts]:
    """Counts and checksums of each partition of a batch, from the sums of its pieces."""
    found, partitions = {}, _partitions(batch)
    digests = _digests(batch, partitions)
    for partition in partitions:
        parts = [piece[partition] for piece in pieces if partition in piece]
        added = {name: sum(getattr(part, name) for part in parts) % 2**64 for name in _ADDED}
        found[partition] = Facts(**added, payload_read=digests.get(partition, ""))
    return found


_SHORT = 32
"""Records in a row of one partition below which it is quicker to put those of each together first."""


def _digests(batch: pa.Table, partitions: list[int]) -> Mapping[int, str]:
    """The digest of each partition's payloads; none of typed records."""
    if "payload" not in batch.column_names:
        return {}
    payloads, partition = batch["payload"], batch["partition"].to_numpy()
    if len(partitions) <= 1:
        return {one: payload_digest(payloads) for one in partitions}
    if np.count_nonzero(np.diff(partition)) * _SHORT < len(partition):
        return payload_digests(payloads, partition)
    return {one: payload_digest(payloads.filter(pc.equal(batch["partition"], one))) for one in partitions}


_ADDED = [field.name for field in fields(Facts) if field.name != "payload_read"]


def _partitions(batch: pa.Table) -> list[int]:
    """The partitions in a batch; mostly there is one, which is told at once."""
    column = batch["partition"]
    least, most = pc.min_max(column).as_py().values()
    return [least] if len(batch) and least == most else sorted(column.unique().to_pylist())


_Identities = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint64]]


def _identities(rows: pa.Table) -> _Identities:
    partition = rows["partition"].to_numpy()
    return partition, identity_hashes(partition, rows["offset"].to_numpy())


def _origin(rows: pa.Table) -> pa.Table:
    trace = one_array(rows[TRACE_COLUMN])
    return pa.table({"partition": trace.field("partition"), "offset": trace.field("offset")})


def _of(identities: _Identities, partition: int) -> tuple[Mask | None, npt.NDArray[np.uint64]]:
    """The mask (None for all) and the hashes of one partition."""
    partitions, hashes = identities
    if not len(partitions) or (partitions[0] == partition and partitions.min() == partitions.max()):
        return None, hashes
    mask = partitions == partition
    return mask, hashes[mask]
