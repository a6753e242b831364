"""An audit of a planned pipeline brings together what the run had, and closes it again."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from stillwell.errors import ConnectorError, PipelineError, StillwellError
from stillwell.pipeline.audit import audit
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
from tests.connectors.kafka.stage import admin, create, produce
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
    found = audit(plan(pipeline()), without_source=True)
    assert (found.holds, found.proved, found.by_ledger) == (True, 0, 3)
    drop(folder / "out" / "accepted.jsonl", 0)
    [finding] = audit(plan(pipeline()), without_source=True).findings
    assert (finding.kind, finding.offsets) == ("lost", (0,))


def test_a_source_that_cannot_be_read_is_its_own_error_and_no_verdict(pipeline, folder):
    run(plan(pipeline()))
    (folder / "in.jsonl").unlink()
    with pytest.raises(ConnectorError) as caught:
        audit(plan(pipeline()))
    [problem] = caught.value.problems
    assert (problem.code, "in.jsonl" in problem.what, problem.where.line > 0) == ("no-file", True, True)
    assert "--without-source" in problem.fix


def test_another_source_than_the_one_that_was_read_is_named(pipeline, folder):
    run(plan(pipeline()))
    (folder / "in.jsonl").rename(folder / "other.jsonl")
    with pytest.raises(PipelineError) as caught:
        audit(plan(pipeline(source="{files: {path: other.jsonl}}")))
    [problem] = caught.value.problems
    assert (problem.code, problem.where.line > 0) == ("other-source", True)
    assert "files:in.jsonl" in problem.what
    assert "files:other.jsonl" in problem.what


def test_a_file_of_a_folder_that_rotated_away_is_no_longer_provable(pipeline, folder):
    """The folder can be read, so it is known that the file is gone."""
    glob = "{files: {path: '*.jsonl'}}"
    (folder / "later.jsonl").write_text((folder / "in.jsonl").read_text())
    run(plan(pipeline(source=glob)))
    assert audit(plan(pipeline(source=glob))).proved == 6
    (folder / "in.jsonl").unlink()
    found = audit(plan(pipeline(source=glob)))
    assert (found.holds, found.by_ledger) == (True, 6)


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


def reads(kafka, topic, **options):
    """The source that reads a topic to its end, with a login."""
    sasl = {"mechanism": "scram-sha-256", "user": kafka.user, "password": "${PASSWORD}"}
    known = {"brokers": kafka.scram_address, "topic": topic, "until": "end", "tls": {"ca": str(kafka.tls.ca)}}
    return json.dumps({"kafka": {**known, "sasl": sasl, **options}})


def test_a_topic_that_cannot_be_read_is_its_own_error_and_no_verdict(kafka, topic, tmp_path, pipeline, monkeypatch):
    monkeypatch.setenv("PASSWORD", kafka.password)
    create(kafka, topic)
    produce(kafka, topic, [b'{"sensor": "a", "value": 1}', b'{"sensor": "b", "value": 1000}'])

    def audited(**options):
        return audit(plan(pipeline(source=reads(kafka, topic, **options))))

    def problem(**options):
        with pytest.raises(StillwellError) as caught:
            audited(**options)
        [one] = caught.value.problems
        return one

    run(plan(pipeline(source=reads(kafka, topic))))
    assert audited().proved == 2
    assert "Nothing listens" in problem(brokers="127.0.0.1:1").what
    assert "cannot be verified" in problem(tls={}).what
    whose = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{kafka.user}", "*")
    see = AclBinding(*whose, AclOperation.DESCRIBE, AclPermissionType.ALLOW)
    for one in admin(kafka).create_acls([see]).values():
        one.result()
    denied = problem_in_a_while(audited)
    assert "authorization failed" in denied.what
    admin(kafka).delete_topics([topic])[topic].result()
    gone = problem_in_a_while(audited, "no-topic")
    assert "--without-source" in gone.fix
    create(kafka, topic)
    assert problem_in_a_while(audited, "other-source").where.line > 0
    found = audit(plan(pipeline(source=reads(kafka, topic))), without_source=True)
    assert (found.holds, found.proved, found.by_ledger) == (True, 0, 2)


def problem_in_a_while(audited, code=""):
    """The one problem, once the brokers have taken in what was asked of them."""
    until = time.monotonic() + 30
    while True:
        try:
            audited()
        except StillwellError as error:
            [one] = error.problems
            if code in ("", one.code):
                return one
        assert time.monotonic() < until
        time.sleep(0.1)
