"""An audit of a planned pipeline brings together what the run had, and closes it again."""

from __future__ import annotations

import json

import pytest

from stillwell.errors import PipelineError
from stillwell.pipeline.audit import audit
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
from tests.pipeline.conftest import problems_of


def drop(path, place):
    """Take one line out of a file."""
    lines = path.read_text().splitlines(keepends=True)
    del lines[place]
    path.write_text("".join(lines))


def test_a_run_that_lost_nothing_is_proved_from_its_source(pipeline):
    run(plan(pipeline()))
    found = audit(plan(pipeline()))
    assert found.holds
    assert (found.proved, found.by_ledger, found.open, found.accepted, found.quarantined) == (3, 0, 0, 2, 1)


def test_findings_name_the_sink_by_its_place_in_the_file(pipeline, folder):
    run(plan(pipeline()))
    drop(folder / "out" / "accepted.jsonl", 1)
    drop(folder / "out" / "quarantine.jsonl", 0)
    found = audit(plan(pipeline()))
    assert [(one.kind, one.where, one.offsets) for one in found.findings] == [
        ("lost", "accepted.jsonl", (2,)),
        ("lost", "quarantine.jsonl", (1,)),
    ]


def test_each_of_several_sinks_is_audited(pipeline, folder):
    two = "[{jsonl: {path: out/a.jsonl}}, {jsonl: {path: out/b.jsonl}}]"
    run(plan(pipeline(accepted=two)))
    assert audit(plan(pipeline(accepted=two))).holds
    drop(folder / "out" / "b.jsonl", 0)
    [finding] = audit(plan(pipeline(accepted=two))).findings
    assert (finding.kind, finding.where, finding.offsets) == ("lost", "accepted[1].jsonl", (0,))


def test_without_its_source_the_ledger_still_proves(pipeline, folder):
    run(plan(pipeline()))
    (folder / "in.jsonl").unlink()
    found = audit(plan(pipeline()))
    assert (found.holds, found.proved, found.by_ledger) == (True, 0, 3)
    drop(folder / "out" / "accepted.jsonl", 0)
    [finding] = audit(plan(pipeline())).findings
    assert (finding.kind, finding.offsets) == ("lost", (0,))


def test_a_later_contract_does_not_condemn_what_an_earlier_one_accepted(pipeline, folder):
    run(plan(pipeline()))
    contract = folder / "contract.yml"
    contract.write_text(contract.read_text().replace("max: 100", "max: 2").replace("1.0.0", "2.0.0"))
    with (folder / "in.jsonl").open("a") as file:
        file.write(json.dumps({"sensor": "d", "value": 3}) + "\n")
    assert run(plan(pipeline())).quarantined == 1
    found = audit(plan(pipeline()))
    assert (found.holds, found.proved, found.accepted, found.quarantined) == (True, 4, 2, 2)


def test_nothing_can_be_said_of_a_pipeline_that_has_not_run(pipeline, tree):
    before = tree()
    with pytest.raises(PipelineError) as caught:
        audit(plan(pipeline()))
    assert tree() - before <= {"pipeline.yml"}
    assert [(code, path) for code, *_, path in problems_of(caught.value)] == [("no-ledger", "")]
    assert caught.value.problems[0].where.line > 0


def test_an_audit_writes_nothing(pipeline, folder, tree):
    run(plan(pipeline()))

    def state():
        return {name: (folder / name).stat().st_mtime_ns for name in tree()}

    made = plan(pipeline())
    before = state()
    audit(made)
    assert state() == before
