"""Any order of deaths, restarts, rivals and lost sinks ends with every record in one place, once: a model says which.

The verdict on a record is that of the contract under which its offset was first declared, so the model needs no more
than the ranges that were declared, and the contract of each.
"""

from __future__ import annotations

import itertools

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwell.connectors.memory import forget, shelf
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.delivery.again import Rejudge
from stillwell.delivery.commit import Delivery, Identity
from stillwell.delivery.recovery import recover
from stillwell.errors import Fenced
from stillwell.kernel import Kernel
from stillwell.kernel.program import accepted_schema, quarantine_schema
from tests.delivery.stage import BEGAN, KILLS, STRICT, Died, Fuse, Fused, Stage, batch, contract

PARTS = {0: 40, 1: 25}
CONTRACTS = [contract(), parse(STRICT)]
NAMES = itertools.count()


@pytest.fixture(scope="module")
def kernels():
    made = [Kernel(by, threads=1) for by in CONTRACTS]
    yield {digest(kernel.contract): kernel for kernel in made}
    for kernel in made:
        kernel.close()


@pytest.fixture(scope="module")
def verdicts(kernels, tmp_path_factory):
    """Which records each contract accepts."""
    source = Stage(tmp_path_factory.mktemp("verdicts")).memory(records())
    table = source.read(1000).table
    return {name: places([kernel.judge(table).accepted]) for name, kernel in kernels.items()}


def records():
    return {partition: batch(count, start=100 * partition) for partition, count in PARTS.items()}


def places(tables):
    traces = [one for table in tables for one in table["_stillwell"].to_pylist()]
    return sorted((one["partition"], one["offset"]) for one in traces)


class Writer:
    """What an engine does, one step at a time: recover, then read, judge and commit epochs of some size."""

    def __init__(self, stage, kernels, by, fuse):
        self.source = stage.memory(records())
        sinks = {name: Fused(stage.sink(name), name, fuse) for name in (*stage.accepted, *stage.quarantine)}
        for name in stage.accepted:
            sinks[name].open(accepted_schema(by))
        for name in stage.quarantine:
            sinks[name].open(quarantine_schema(None))
        ledger = sinks[stage.accepted[0]].ledger()
        identity = Identity("test", self.source.identity, digest(by), by.text, {})
        groups = ([sinks[name] for name in names] for names in (stage.quarantine, stage.accepted))
        self.delivery = Delivery(identity, ledger, *groups)
        self.kernel = kernels[digest(by)]
        judge = Rejudge(ledger, self.kernel, lambda other: kernels[digest(other)])
        for _ in recover(self.delivery, self.source, judge):
            pass
        self.source.seek(self.delivery.positions())

    def epoch(self, size):
        """False once there is nothing more."""
        chunk = self.source.read(size)
        if chunk is None:
            return False
        self.delivery.commit(self.kernel.judge(chunk.table), chunk.ends, BEGAN)
        return True


RUNS = st.lists(
    st.tuples(
        st.integers(1, 30),  # dies at this step
        st.integers(6, 40),  # records in an epoch
        st.sampled_from([0, 0, 1]),  # contract
        st.sampled_from(["", "", "rival", "quarantine", "copy"]),  # what else happens before it
    ),
    max_size=8,
)


@settings(
    max_examples=4 * KILLS,
    derandomize=KILLS <= 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(runs=RUNS, last=st.integers(5, 70))
def test_every_record_ends_in_one_place_whatever_happened(runs, last, tmp_path, kernels, verdicts):
    stage = Stage(tmp_path / str(next(NAMES)), accepted=("accepted", "copy"))
    for at, size, version, event in runs:
        rival = None
        if event == "rival":
            rival = attempt(lambda: Writer(stage, kernels, CONTRACTS[0], Fuse()))
        elif event:
            forget(f"{stage.folder}/{event}")
        fuse = Fuse(at)

        def run(version=version, size=size, fuse=fuse):
            writer = Writer(stage, kernels, CONTRACTS[version], fuse)
            while writer.epoch(size):
                pass

        attempt(run)
        if rival:
            # It slept through all that: what it does now may be refused, and must not double anything.
            attempt(lambda size=size, rival=rival: rival.epoch(size))
        for name in ("accepted", "quarantine", "copy"):
            held = places(shelf(f"{stage.folder}/{name}").tables)
            assert len(held) == len(set(held))
    writer = Writer(stage, kernels, CONTRACTS[0], Fuse())
    while writer.epoch(last):
        pass
    due = {"accepted": [], "quarantine": []}
    for intent in stage.sink("accepted").ledger().intents():
        for part in intent.slices:
            for offset in range(part.start.offset, part.end.offset):
                place = (part.partition, offset)
                due["accepted" if place in verdicts[intent.contract] else "quarantine"].append(place)
    everything = [(partition, n) for partition, count in PARTS.items() for n in range(count)]
    assert sorted(due["accepted"] + due["quarantine"]) == everything
    assert places(shelf(f"{stage.folder}/accepted").tables) == sorted(due["accepted"])
    assert places(shelf(f"{stage.folder}/copy").tables) == sorted(due["accepted"])
    assert places(shelf(f"{stage.folder}/quarantine").tables) == sorted(due["quarantine"])
    audited = stage.audit(stage.memory(records()))
    assert audited.holds, audited
    assert audited.proved == len(everything)


def run_through(stage, kernels, fuse, size):
    writer = Writer(stage, kernels, CONTRACTS[0], fuse)
    while writer.epoch(size):
        pass


def attempt(work):
    """What may die, or be fenced by what a rival did; None then."""
    try:
        return work()
    except (Died, Fenced):
        return None


def test_a_death_at_each_single_step_of_two_epochs(tmp_path, kernels):
    """All of them, where the random ones may miss one."""
    fuse = Fuse()
    writer = Writer(Stage(tmp_path / "count"), kernels, CONTRACTS[0], fuse)
    assert writer.epoch(33)
    assert writer.epoch(33)
    for at in range(1, len(fuse.steps) + 1):
        stage = Stage(tmp_path / str(at))
        with pytest.raises(Died):
            run_through(stage, kernels, Fuse(at), 33)
        run_through(stage, kernels, Fuse(), 10)
        found = sorted(
            places(shelf(f"{stage.folder}/accepted").tables) + places(shelf(f"{stage.folder}/quarantine").tables)
        )
        assert found == [(partition, n) for partition, count in PARTS.items() for n in range(count)]


def test_the_model_could_tell_a_doubled_record(tmp_path, kernels):
    """A row that is written twice behind the back of the marks is seen."""
    stage = Stage(tmp_path)
    writer = Writer(stage, kernels, CONTRACTS[0], Fuse())
    writer.epoch(20)
    kept = shelf(f"{stage.folder}/accepted")
    kept.tables = (*kept.tables, pa.Table.slice(kept.tables[0], 0, 1))
    held = places(kept.tables)
    assert len(held) != len(set(held))
    assert not stage.audit(stage.memory(records())).holds
