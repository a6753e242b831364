"""What cannot be done yet is refused by name, and so is one place used twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.connectors.base import Place
from stillwell.connectors.duckdb import SinkOptions as DuckDB
from stillwell.connectors.files.source import SourceOptions as Files
from stillwell.connectors.kafka.options import SourceOptions as FromKafka
from stillwell.connectors.kafka.sink import SinkOptions as ToKafka
from stillwell.connectors.memory import SinkOptions as Memory
from stillwell.connectors.parquet import SinkOptions as Parquet
from stillwell.contract.load import parse as contract
from stillwell.pipeline.load import parse
from stillwell.pipeline.model import Part
from stillwell.pipeline.refuse import same_place, unbuilt, unjudgeable, unshared

HEAD = "pipeline: a\nsource: stdin\naccepted: memory\nquarantine: memory\n"
PLAIN = HEAD + "contract: c.yml\n"
CONTRACT = "contract: a\nversion: 1.0.0\nkey: f\nfields: {f: {type: string}}\n"


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        (HEAD + "contract: {by: $header.type, when: {a: a.yml}}\n", 5, "contract"),
        (HEAD + "contract: c.yml#readings\n", 5, "contract"),
        (PLAIN + "state: s3://bucket/state\n", 6, "state"),
        (PLAIN + "lookups:\n  sites: {files: {path: s.csv}}\n", 7, "lookups.sites"),
        (PLAIN + "monitor: {store: postgres}\n", 6, "monitor.store"),
        (PLAIN + "monitor: {reference: {delta: {path: r}}}\n", 6, "monitor.reference"),
        (PLAIN + "alerts:\n  ops: {email: {to: [a]}}\n", 7, "alerts.ops"),
    ],
)
def test_what_is_not_built_yet_is_refused_at_its_line(text, line, path) -> None:
    [problem] = unbuilt(parse(text, file="p.yml"))
    assert (problem.code, problem.where.file, problem.where.line, problem.path) == (
        "not-supported",
        "p.yml",
        line,
        path,
    )


def test_what_is_built_is_not_refused() -> None:
    assert not list(unbuilt(parse(PLAIN + "state: s\nepoch: {records: 5}\nlimits: {memory: 1GiB}\nengine: embedded\n")))


def test_parts_of_the_contract_that_cannot_be_judged_are_refused_at_their_line() -> None:
    judged = contract(
        CONTRACT.replace("string", "double") + "sequence:\n  m: {kind: anomaly, field: f, detect: x}\n", file="c.yml"
    )
    [problem] = unjudgeable(judged, parse(PLAIN))
    assert (problem.code, problem.where.file, problem.where.line) == ("not-supported", "c.yml", 6)


def test_a_retired_contract_is_refused_and_a_deprecated_one_is_not() -> None:
    [problem] = unjudgeable(contract(CONTRACT + "status: retired\n"), parse(PLAIN, file="p.yml"))
    assert (problem.code, str(problem.where)) == ("retired", "p.yml:5:11")
    assert not list(unjudgeable(contract(CONTRACT + "status: deprecated\n"), parse(PLAIN)))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Parquet(path="lake/a"), Parquet(path="lake/b"), False),
        (Parquet(path="lake/a"), Parquet(path="lake/a"), True),
        (Parquet(path="lake/a"), Parquet(path="lake/../lake/a/", compression="lz4"), True),
        (Parquet(path="lake/a"), Parquet(path="link/a"), True),
        (DuckDB(path="a.db", table="x"), DuckDB(path="a.db", table="y"), False),
        (DuckDB(path="a.db", table="x"), DuckDB(path="a.db", table="x"), True),
        (Files(path=["in", "lake/a"]), Parquet(path="lake/a"), True),
        (Memory(name="a"), Memory(name="a"), True),
        (Memory(name="a"), Memory(name="b"), False),
        (FromKafka(brokers="b:1", topic="t"), ToKafka(brokers="b:1", topic="t"), True),
        (FromKafka(brokers="b:1", topic=["s", "t"]), ToKafka(brokers="b:1", topic="t"), True),
        (FromKafka(brokers="b:1", topic="t"), ToKafka(brokers="b:2", topic="t"), False),
        (FromKafka(brokers="b:1", topic="^pat-"), ToKafka(brokers="b:1", topic="pat-out"), True),
        (FromKafka(brokers="b:1", topic="^.*[.]marks"), ToKafka(brokers="b:1", topic="out"), True),
        (FromKafka(brokers="b:1", topic="^pat-"), ToKafka(brokers="b:1", topic="out"), False),
        (ToKafka(brokers="b:1", topic="t"), ToKafka(brokers="b:1", topic="u"), False),
    ],
)
def test_two_parts_at_one_place(tmp_path, one, other, same) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    place = Place("p", tmp_path, Path("state"))
    problems = list(same_place([(Part("x", path="a"), one), (Part("x", path="b"), other)], place))
    assert [(problem.code, problem.path) for problem in problems] == [("same-place", "b")] * same


class Alone:
    """A sink that one process may write."""


class Together(Alone):
    shared = True


class WithLedger(Together):
    shared_ledger = True


class Member:
    """As much of a shared source as tells that it is one."""

    term, partitions = 0, frozenset()

    def join(self, let_go):
        pass

    def idle(self):
        pass


@pytest.mark.parametrize(
    ("sinks", "refused"),
    [
        ([WithLedger(), Together()], []),
        ([WithLedger(), Alone()], ["only one process may write to `b`"]),
        ([Together(), Together()], ["the ledger beside `a` serves one process"]),
        ([Alone(), Alone()], ["only one process may write to `a`", "only one process may write to `b`"]),
    ],
)
def test_a_group_needs_sinks_that_several_processes_may_write(sinks, refused) -> None:
    parts = [(Part(name, path=name), sink) for name, sink in zip("ab", sinks, strict=True)]
    problems = list(unshared(Member(), parts))
    assert len(problems) == len(refused)
    assert all(words in problem.what for words, problem in zip(refused, problems, strict=True))
    assert {problem.code for problem in problems} <= {"not-supported"}
    assert not list(unshared(object(), parts))
