"""A planted secret is nowhere to be found: not in what is printed, nor in any file that a run leaves."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwell.cli._app import app
from tests.connectors.kafka.stage import create, produce

SECRET = "planted-s3cret-42"
CONTRACT = """
contract: sums
version: 1.0.0
fields: {n: {type: integer, required: true, min: 5}}
"""
PIPELINE = """
pipeline: sums
contract: contract.yml
source:
  kafka:
    brokers: BROKERS
    topic: TOPIC
    until: end
    tls: {ca: CA, certificate: CERTIFICATE, key: '${file:client.key}'}
    sasl: {mechanism: scram-sha-256, user: USER, password: '${PASSWORD}'}
    config: {debug: 'security,broker'}
accepted: {jsonl: {path: accepted.jsonl}}
quarantine: {jsonl: {path: rejects.jsonl}}
"""


@pytest.mark.parametrize("let_in", [True, False])
def test_no_run_shows_or_keeps_a_secret(let_in, kafka, topic, tmp_path, monkeypatch, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    create(kafka, topic)
    produce(kafka, topic, [b'{"n": %d}' % n for n in range(10)])
    told = {
        "BROKERS": kafka.scram_address, "TOPIC": topic, "CA": str(kafka.tls.ca), "USER": kafka.user,
        "CERTIFICATE": str(kafka.tls.certificate),
    }  # fmt: skip
    text = PIPELINE
    for name, value in told.items():
        text = text.replace(f" {name}", f" {value}")
    (tmp_path / "pipeline.yml").write_text(text)
    (tmp_path / "contract.yml").write_text(CONTRACT)
    key = kafka.tls.key.read_text()
    (tmp_path / "client.key").write_text(key)
    password = kafka.password if let_in else SECRET
    monkeypatch.setenv("PASSWORD", password)
    monkeypatch.chdir(tmp_path)
    shown = ""
    for arguments in (["run", "--json"], ["run", "--plan"], ["audit", "--json"]):
        done = CliRunner().invoke(app, [*arguments, "pipeline.yml"])
        shown += f"{done.output}{done.stderr}{done.exc_info}"
        assert done.exit_code == 0 if let_in else done.exit_code, shown
    assert ("does not accept this login" in shown) is not let_in
    # What librdkafka itself has to say, with all its debugging on, goes to the log.
    assert "SaslHandshake" in caplog.text
    seen = capfd.readouterr()
    shown += caplog.text + seen.out + seen.err
    (tmp_path / "client.key").unlink()
    kept = b"".join(path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file())
    for secret in (password, *key.strip().splitlines()[1:-1]):
        assert secret not in shown
        assert secret.encode() not in kept
