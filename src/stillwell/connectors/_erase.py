"""Which rows of a sink are to be removed, the same for every sink that can do so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.prepare import one_array


class Places:
    """Places of rows (columns partition and offset), to be asked for many at once."""

    def __init__(self, places: pa.Table) -> None:
        partition, offset = places["partition"].to_numpy(), places["offset"].to_numpy()
        self._offsets = {int(one): np.unique(offset[partition == one]) for one in np.unique(partition)}

    def among(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """For each row whether its place is one of these."""
        found = np.zeros(len(rows), bool)
        partition, offset = traced(rows)
        for one, offsets in self._offsets.items():
            here = np.flatnonzero(partition == one)
            at = np.minimum(np.searchsorted(offsets, offset[here]), len(offsets) - 1)
            found[here] = offsets[at] == offset[here]
        return found


def traced(rows: pa.Table) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Partition and offset of each row; -1 where it has none."""
    trace = one_array(rows["_stillwell"])
    partition, offset = (pc.struct_field(trace, name).fill_null(-1).to_numpy() for name in ("partition", "offset"))
    return partition, offset
