"""What a run stands on gives way: brokers, disks, sinks; it waits as long as it is told to, and goes on."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from deltalake import DeltaTable

from tests.services import running
from tests.torture.ground import LONG, Ground, all_ended, wait

pytestmark = LONG


@pytest.fixture
def disk(tmp_path):
    """A small disk at `disk`; gives what mounts it again with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")

    def remount(told):
        # Refused while any file is being written.
        wait(lambda: subprocess.run(["mount", "-o", f"remount,{told}", folder], capture_output=True).returncode == 0)

    yield remount
    subprocess.run(["umount", "--lazy", folder], check=True)


def flowing(ground, run):
    wait(lambda: run.said("epoch") or ground.produce(50), told=run.told)


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize(("sinks", "group"), [("delta", False), ("delta", True), ("kafka", False)])
def test_a_broker_that_goes_and_comes_back_is_waited_for(tmp_path, topic, sinks, group, how):
    with running("kafka", tmp_path / "broker") as mine:
        ground = Ground(mine, tmp_path / "pipeline", topic, accepted=sinks, quarantine=sinks, group=group)
        ground.produce(600)
        run = ground.run()
        with all_ended(run):
            for _ in range(2):
                flowing(ground, run)
                ground.produce(400)
                time.sleep(0.3)
                getattr(mine, how)()
                time.sleep(2)
                assert run.alive, run.told()
                mine.start()
                ground.produce(200)
                wait(ground.everything, 90, told=run.told)
            assert run.end()["read"] == ground.produced
        ground.assert_whole()


def test_a_sink_that_fails_for_a_while_is_tried_again(kafka, topic, tmp_path, disk):
    """Its disk is read-only for some seconds; the run stays, and nobody need start it again."""
    ground = Ground(kafka, tmp_path, topic, lake=tmp_path / "disk", limits={"patience": "30s"})
    run = ground.run()
    with all_ended(run):
        flowing(ground, run)
        disk("ro")
        held = len(ground.witness.places())
        ground.produce(600)
        time.sleep(3)
        assert run.alive, run.told()
        assert len(ground.witness.places()) <= held + 100
        disk("rw")
        wait(ground.everything, told=run.told)
        assert run.end()["read"] == ground.produced
    ground.assert_whole()


def test_dead_letters_whose_brokers_are_away_are_waited_for(kafka, topic, tmp_path):
    with running("kafka", tmp_path / "broker") as other:
        ground = Ground(kafka, tmp_path / "pipeline", topic, quarantine="kafka", letters=other)
        run = ground.run()
        with all_ended(run):
            flowing(ground, run)
            other.stop()
            ground.produce(600)
            time.sleep(4)
            assert run.alive, run.told()
            other.start()
            wait(ground.everything, told=run.told)
            assert run.end()["read"] == ground.produced
        ground.assert_whole()


def test_a_full_disk_ends_the_run_and_with_room_the_next_goes_on(kafka, topic, tmp_path, disk):
    ground = Ground(kafka, tmp_path / "disk", topic, limits={"patience": "1s"})
    ground.produce(3000)
    ballast = tmp_path / "disk" / "ballast"
    run = ground.run()
    with all_ended(run):
        flowing(ground, run)
        filled = subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], capture_output=True)
        assert filled.returncode
        assert run.ended() == 3, run.told()
    told = ground.audit()
    assert (told["holds"], told["proved"] + told["open"] >= len(set(ground.witness.places()))) == (True, True), told
    ballast.unlink()
    ground.last()
    ground.assert_whole()


@pytest.mark.parametrize("side", ["accepted", "quarantine"])
def test_a_table_that_is_compacted_between_check_and_write(kafka, topic, tmp_path, side):
    """It is written to all the same, once."""
    ground = Ground(kafka, tmp_path, topic)
    ground.produce(1500)
    run = ground.fused(step=f"checked {side}", nth=5, end="SIGSTOP")
    with all_ended(run):
        wait(lambda: run.stopped, told=run.told)
        before = len(ground.witness.places())
        table = DeltaTable(str(tmp_path / side))
        assert table.optimize.compact()["numFilesRemoved"] > 1
        table.create_checkpoint()
        assert len(ground.witness.places()) == before
        run.signal(signal.SIGCONT)
        wait(ground.everything, told=run.told)
        run.end()
    ground.assert_whole()
