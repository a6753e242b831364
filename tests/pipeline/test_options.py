"""Each fault of a plug-in's options is a problem where that option stands."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, SecretStr

from stillwell.connectors.base import Options
from stillwell.connectors.files.source import SourceOptions
from stillwell.connectors.generator.options import GeneratorOptions
from stillwell.connectors.kafka.options import SourceOptions as KafkaOptions
from stillwell.connectors.parquet import SinkOptions
from stillwell.contract.read import Problems
from stillwell.errors import Problem
from stillwell.pipeline.load import parse
from stillwell.pipeline.options import read_options

HEAD = "pipeline: a\ncontract: c.yml\naccepted: memory\nquarantine: memory\n"


class Tls(Options):
    certificate: str
    key: str | None = None


class WithTls(Options):
    tls: Tls | None = None


def read(source: str, model: type[BaseModel], **environment: str) -> tuple[BaseModel | None, list[Problem]]:
    problems = Problems()
    pipeline = parse(f"{HEAD}source: {source}\n", environment=environment)
    return read_options(pipeline.source, model, problems), list(problems)


def one(source: str, model: type[BaseModel], **environment: str) -> tuple[str, int, int, str, str, str]:
    options, [problem] = read(source, model, **environment)
    assert options is None
    return problem.code, problem.where.line, problem.where.column, problem.path, problem.what, problem.fix


def test_texts_become_what_the_model_says() -> None:
    options, problems = read(
        "{generator: {rows: 1e3, rate: 12.5, faults: {null: 2%}, start: 2026-02-01}}", GeneratorOptions
    )
    assert options is None
    assert [problem.path for problem in problems] == ["source.generator.rows"]
    options, _ = read("{generator: {rows: 1000, faults: {null: 2%}, start: 2026-02-01}}", GeneratorOptions)
    assert isinstance(options, GeneratorOptions)
    assert (options.rows, options.faults, options.start.isoformat()) == (
        1000,
        {"null": 0.02},
        "2026-02-01T00:00:00+00:00",
    )


def test_a_plug_in_by_name_alone_has_its_defaults() -> None:
    options, problems = read("generator", GeneratorOptions)
    assert not problems
    assert options == GeneratorOptions()


def test_an_unknown_option_offers_the_nearest() -> None:
    assert one("{generator: {seed: 1, row: 5}}", GeneratorOptions) == (
        "unknown-key",
        5,
        31,
        "source.generator.row",
        "`generator` has no option `row`.",
        "Did you mean `rows`?",
    )


def test_a_missing_option_is_told_at_the_plug_in() -> None:
    found = one("{files: {follow: true}}", SourceOptions)
    assert found == ("missing-key", 5, 10, "source.files", "`files` needs `path`.", "Add `path`.")
    assert one("files", SourceOptions)[:4] == ("missing-key", 5, 9, "source.files")


def test_a_bad_value_is_told_at_the_value() -> None:
    code, line, column, path, what, fix = one("{generator: {sensors: none}}", GeneratorOptions)
    assert (code, line, column, path) == ("bad-value", 5, 31, "source.generator.sensors")
    assert what == "`none` is not a good value of `sensors`."
    assert fix.startswith("It should be a valid integer")


def test_a_word_that_is_not_on_the_list_offers_the_nearest() -> None:
    found = one("{parquet: {path: a, compression: zst}}", SinkOptions)
    assert found[4:] == ("`zst` is not one of zstd, snappy, lz4, none.", "Did you mean `zstd`?")


def test_a_name_in_a_map_that_is_not_on_the_list_is_told_at_the_name() -> None:
    code, line, column, path, what, fix = one("{generator: {faults: {duplicates: 1%}}}", GeneratorOptions)
    assert (code, line, column, path) == ("bad-value", 5, 31, "source.generator.faults.duplicates")
    assert what.startswith("`duplicates` is not one of missing, null,")
    assert fix == "Did you mean `duplicate`?"


def test_what_the_model_finds_as_a_whole_is_its_own_sentence() -> None:
    found = one("{generator: {sensors: 2, partitions: 3}}", GeneratorOptions)
    assert found[:4] == ("bad-value", 5, 10, "source.generator")
    assert found[4] == "3 partitions cannot share 2 sensors; use fewer partitions."


def test_a_value_that_could_be_several_things_is_one_problem() -> None:
    assert one("{files: {path: {a: b}}}", SourceOptions)[:4] == ("bad-value", 5, 18, "source.files.path")


@pytest.mark.parametrize(
    ("told", "column", "path", "what", "fix"),
    [
        ("brokers: 'b:99999'", 27, ".brokers", "`b:99999` has no port that can be.", "Ports go from 1 to 65535."),
        ("buffer: -16MiB", 42, ".buffer", "`-16MiB` is not a good value of `buffer`.", "such as 16MiB."),
        ("start: {offsets: {0: -3}}", 55, ".start.offsets.0", "`-3` is not a good value", "greater than or equal to 0"),
        ("start: {timestamp: '2931-01-01T00:00:00Z'}", 53, ".start.timestamp", "2931-01-01", "`start: latest`"),
        (
            "start: newest",
            41,
            ".start",
            "`newest` is not one of earliest, latest, {timestamp: …}, {offsets: …}.",
            "Known",
        ),
        ("topic: ''", 41, ".topic", "No topic is named.", "Name a topic"),
        ("topic: '^a('", 41, ".topic", "`^a(` is no pattern: ", "Write a regular expression"),
        ("partitions: [0], group: g", 10, "", "Partitions are told for one topic", "Leave `group` out"),
        ("sasl: {mechanism: plain, user: u, password: '${P}'}", 10, "", "Sasl `plain` would", "Set `tls`, or use"),
    ],
)
def test_an_error_says_what_would_be_right(told, column, path, what, fix) -> None:
    brokers = "" if told.startswith("brokers") else "brokers: 'b:1', "
    topic = "" if told.startswith("topic") else ", topic: t"
    found = one(f"{{kafka: {{{brokers}{told}{topic}}}}}", KafkaOptions, P="swordfish")
    assert found[:4] == ("bad-value", 5, column, f"source.kafka{path}" if path else "source.kafka")
    assert found[4].startswith(what)
    assert fix in found[5]


def test_a_way_to_start_has_only_its_own_options() -> None:
    found = one("{kafka: {brokers: 'b:1', topic: t, start: {timestamp: 2026-01-01T00:00:00Z, at: x}}}", KafkaOptions)
    assert (found[0], found[3]) == ("unknown-key", "source.kafka.start.at")
    assert found[4:] == ("`start` has no option `at`.", "Known: timestamp.")


def test_options_within_options_have_their_place() -> None:
    options, problems = read("{x: {tls: {certificat: a}}}", WithTls)
    assert options is None
    assert {(problem.code, problem.path, problem.fix) for problem in problems} == {
        ("missing-key", "source.x.tls", "Add `certificate`."),
        ("unknown-key", "source.x.tls.certificat", "Did you mean `certificate`?"),
    }


def test_all_faults_come_at_once() -> None:
    _, problems = read("{generator: {rows: -1, seed: x, sped: 2}}", GeneratorOptions)
    assert [problem.path.rpartition(".")[2] for problem in problems] == ["rows", "seed", "sped"]


def test_a_value_from_outside_is_shown_as_it_is_written() -> None:
    found = one("{generator: {seed: '${SEED}'}}", GeneratorOptions, SEED="swordfish")
    assert found[4] == "`${SEED}` is not a good value of `seed`."


def test_many_records_in_one_message_are_refused_and_not_taken_for_a_misspelling() -> None:
    assert one("{files: {path: a, explode: items}}", SourceOptions)[:4] == (
        "not-supported",
        5,
        27,
        "source.files.explode",
    )


class Login(Options):
    user: str
    password: SecretStr


class WithLogin(Options):
    login: Login | None = None
    token: SecretStr | None = None


@pytest.mark.parametrize(
    ("source", "path", "column"),
    [
        ("{kafka: {login: {user: u, password: in-clear}}}", "source.kafka.login.password", 45),
        ("{kafka: {token: in-clear}}", "source.kafka.token", 25),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_shown(source, path, column) -> None:
    _, [problem] = read(source, WithLogin)
    assert (problem.code, problem.path, problem.where.column) == ("secret", path, column)
    assert "in-clear" not in str(problem)
    assert "${NAME}" in problem.fix


def test_a_secret_that_is_referred_to_is_taken(tmp_path) -> None:
    options, problems = read("{kafka: {login: {user: u, password: '${P}'}, token: 'x${P}'}}", WithLogin, P="hidden")
    assert not problems
    assert isinstance(options, WithLogin)
    assert options.login is not None
    assert options.login.password.get_secret_value() == "hidden"
    assert "hidden" not in repr(options)
