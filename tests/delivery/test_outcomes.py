"""An outcome for every record that was judged again or that expires, traced to its record."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillwell.delivery.outcomes import OUTCOMES, expired, replayed
from stillwell.kernel import Kernel
from stillwell.kernel.base import QUARANTINED
from stillwell.kernel.digest import payload_hash
from tests.delivery.stage import BEGAN, batch, contract


@pytest.fixture(scope="module")
def judged():
    """A batch and its verdicts: offsets 3, 13, 23, … of partition 2."""
    table = batch(40)
    table = table.append_column("partition", pa.array([2] * 40, pa.int32()))
    table = table.append_column("offset", pa.array(range(3, 403, 10), pa.int64()))
    kernel = Kernel(contract(), threads=1)
    yield table, kernel.judge(table, BEGAN)
    kernel.close()


def signed(number):
    return number - 2**64 if number >= 2**63 else number


def test_each_record_of_a_replay_has_one_outcome(judged):
    table, verdicts = judged
    found = replayed(verdicts, table, "replay-3", BEGAN)
    assert found.accepted is verdicts.accepted
    assert found.facts is verdicts.facts
    told = {one["_stillwell"]["offset"]: one for one in found.quarantined.to_pylist()}
    assert found.quarantined.schema == OUTCOMES
    assert sorted(told) == table["offset"].to_pylist()
    for offset, payload, verdict in zip(table["offset"], table["payload"], verdicts.verdicts, strict=True):
        one = told[offset.as_py()]
        assert one["outcome"] == ("failing" if verdict.as_py() == QUARANTINED else "passed")
        assert (one["reasons"] is None) == (one["outcome"] == "passed")
        assert one["payload_hash"] == signed(payload_hash(payload.as_py()))
        assert (one["run"], one["at"], one["_stillwell"]["version"]) == ("replay-3", BEGAN, "1.0.0")


def test_what_expires_leaves_its_rules_and_none_of_its_values(judged):
    _, verdicts = judged
    found = expired(verdicts.quarantined, "expire-1", BEGAN).to_pylist()
    rows = verdicts.quarantined.to_pylist()
    assert [one["_stillwell"] for one in found] == [row["_stillwell"] for row in rows]
    assert [[told["rule"] for told in one["reasons"]] for one in found] == [
        [told["rule"] for told in row["reasons"]] for row in rows
    ]
    assert {told["seen"] for one in found for told in one["reasons"]} == {None}
    assert {one["outcome"] for one in found} == {"expired"}


def test_lists_that_are_empty_or_null_or_sliced_stay_as_they_are(judged):
    _, verdicts = judged
    rows = verdicts.quarantined.slice(2, 3)
    reasons = pa.array([None, *rows["reasons"].to_pylist()[1:2], []], rows.schema.field("reasons").type)
    odd = rows.set_column(rows.schema.get_field_index("reasons"), "reasons", reasons)
    found = expired(odd, "expire-1", BEGAN)["reasons"].to_pylist()
    assert [None if one is None else [told["rule"] for told in one] for one in found] == [
        None if one is None else [told["rule"] for told in one] for one in reasons.to_pylist()
    ]
    assert expired(rows.slice(0, 0), "expire-1", BEGAN).num_rows == 0


def test_typed_records_have_no_payload_to_be_hashed():
    table = pa.table(
        {
            "record": pa.array([{"sensor": "a"}, {"sensor": None}]),
            "partition": pa.array([0, 0], pa.int32()),
            "offset": pa.array([0, 1], pa.int64()),
        }
    )
    kernel = Kernel(contract(), threads=1)
    found = replayed(kernel.judge(table, BEGAN), table, "replay-1", BEGAN).quarantined
    kernel.close()
    assert found["payload_hash"].to_pylist() == [None, None]
