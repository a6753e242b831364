"""The verdicts of rules as masks."""

from __future__ import annotations

import pyarrow as pa

from stillwell.kernel.chain import Verdicts
from stillwell.kernel.flags import Flags


def flags(failed, repaired):
    verdicts = Verdicts(failed={"a": '"a"', "b": '"b"'}, repaired={"b": '"c"'})
    columns = {
        "_stillwell_failed_a": failed,
        "_stillwell_failed_b": [False] * len(failed),
        "_stillwell_repaired_b": repaired,
    }
    return Flags.of(pa.table({name: pa.array(column, pa.bool_()) for name, column in columns.items()}), verdicts)


def test_a_rule_failed_was_kept_or_was_not_evaluated():
    found = flags([True, False, None], [False, False, True])
    assert found.failed["a"].tolist() == [True, False, False]
    assert found.unjudged["a"].tolist() == [False, False, True]
    assert found.repaired["b"].tolist() == [False, False, True]
    assert found.any_failed(["a", "b"]).tolist() == [True, False, False]
    assert found.any_failed([]).tolist() == found.any_failed(["another"]).tolist() == [False] * 3
    assert found.any_repaired(["b", "a"]).tolist() == [False, False, True]
