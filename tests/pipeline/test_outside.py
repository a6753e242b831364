"""What a pipeline takes from outside is filled in after parsing, and never shown."""

from __future__ import annotations

import copy
import traceback

import pytest

from stillwell.contract.read import Broken, List, Map, Problems, Text, read
from stillwell.errors import ConnectorError, PipelineError, Problem, Where
from stillwell.pipeline.load import parse
from stillwell.pipeline.outside import Filled, Filler, Outside


def filled(text: str, folder, **environment: str):
    problems = Problems()
    filler = Filler(environment, folder, problems)
    tree = filler.fill(read(f"a: {text}\n", "p.yml", problems))
    assert isinstance(tree, Map)
    return tree.entries["a"], list(problems), Outside(filler.values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}:9092", "b1:9092"),
        ("'${HOST},${OTHER}'", "b1,b2"),
        ("${NONE:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${NONE:-}", ""),
        ("${HOST:-fallback}", "b1"),
        ("$$HOME and $${HOST}", "$HOME and ${HOST}"),
        ("$header.type costs 5$", "$header.type costs 5$"),
        ("${file:secret.txt}", "from a file"),
        ("x${file:sub/key}y", "xky"),
    ],
)
def test_references_are_filled_in(tmp_path, text, expected) -> None:
    (tmp_path / "secret.txt").write_text("from a file\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "key").write_text("k")
    node, problems, _ = filled(text, tmp_path, HOST="b1", OTHER="b2", EMPTY="")
    assert not problems
    assert isinstance(node, Text)
    assert node.value == expected
    assert node.where == Where("p.yml", 1, 4)


def test_a_value_cannot_inject_yaml(tmp_path) -> None:
    node, problems, _ = filled("'${X}'", tmp_path, X="{b: 1}\nc: null # [")
    assert not problems
    assert isinstance(node, Text)
    assert node.value == "{b: 1}\nc: null # ["


def test_a_value_is_not_filled_in_again(tmp_path) -> None:
    node, _, _ = filled("${X}", tmp_path, X="${Y} $$", Y="never")
    assert isinstance(node, Text)
    assert node.value == "${Y} $$"


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("${NONE}", "unset", "NONE"),
        ("'x ${NONE} y'", "unset", "NONE"),
        ("${EMPTY}", "unset", "EMPTY"),
        ("${file:none.txt}", "unset", "none.txt"),
        ("${file:empty.txt}", "unset", "empty.txt"),
        ("${file:.}", "unset", "."),
        ("${1X}", "bad-value", "${1X}"),
        ("${X", "bad-value", "${X"),
        ("${}", "bad-value", "${}"),
        ("${X:+y}", "bad-value", "${X:+y}"),
    ],
)
def test_what_cannot_be_filled_in_is_a_problem_by_name(tmp_path, text, code, named) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    node, [problem], _ = filled(text, tmp_path, EMPTY="")
    assert isinstance(node, Broken)
    assert (problem.code, problem.where, problem.path) == (code, Where("p.yml", 1, 4), "a")
    assert named in problem.what


def test_texts_in_lists_and_maps_are_filled_in_and_keys_are_not(tmp_path) -> None:
    node, [problem], _ = filled("{b: ['${X}', y, '${Z}'], '${X}': z}", tmp_path, X="1")
    assert isinstance(node, Map)
    assert list(node.entries) == ["b", "${X}"]
    items = node.entries["b"]
    assert isinstance(items, List)
    assert [one.value for one in items.items if isinstance(one, Text)] == ["1", "y"]
    assert problem.path == "a.b[2]"


def test_the_repr_of_a_filled_text_is_what_is_written() -> None:
    text = Filled("user:swordfish@host", "user:${PASSWORD}@host")
    assert text == "user:swordfish@host"
    assert repr({"dsn": text}) == "{'dsn': 'user:${PASSWORD}@host'}"
    assert repr(copy.deepcopy(text)) == repr(text)


def test_values_are_masked_wherever_they_show(tmp_path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n")
    _, _, outside = filled("'${P} ${file:key.pem} ${N}'", tmp_path, P="swordfish", N="7")
    assert outside.mask("cannot log in as me:swordfish@host") == "cannot log in as me:${P}@host"
    assert outside.mask("xswordfishx") == "x${P}x"
    assert outside.mask("bad line MIIEvQIBADANBg in key") == "bad line ${file:key.pem} in key"
    assert outside.mask("7 of 77 files") == "${N} of 77 files"
    assert "swordfish" not in repr(outside)


def test_a_value_within_another_is_masked_as_the_longer() -> None:
    outside = Outside({"secret": "${A}", "secret-and-more": "${B}"})
    assert outside.mask("secret-and-more, secret") == "${B}, ${A}"


def test_an_error_raised_within_is_masked_and_so_is_its_traceback() -> None:
    outside = Outside({"swordfish": "${P}"})

    def connect() -> None:
        try:
            raise RuntimeError("swordfish refused")
        except RuntimeError as error:
            raise ConnectorError(
                Problem("refused", "swordfish!", "not swordfish", Where("swordfish.yml", 1), "a.swordfish")
            ) from error

    with pytest.raises(ConnectorError) as caught, outside.masking():
        connect()
    assert caught.value.problems == (Problem("refused", "${P}!", "not ${P}", Where("${P}.yml", 1), "a.${P}"),)
    assert "swordfish refused" not in "".join(traceback.format_exception(caught.value))


PIPELINE = "pipeline: p\nenv: .env\ncontract: c.yml\nsource: {files: {path: '${WHERE}'}}\naccepted: memory\nquarantine: memory\n"


def test_variables_are_read_from_the_file_that_is_named_and_the_environment_wins(tmp_path) -> None:
    (tmp_path / ".env").write_text("# where\nexport WHERE='from the file'\nOTHER=${NOT} filled\n", encoding="utf-8")
    file = str(tmp_path / "p.yml")
    assert parse(PIPELINE, file=file, environment={}).source.options["path"] == "from the file"
    assert parse(PIPELINE, file=file, environment={"WHERE": "here"}).source.options["path"] == "here"
    hidden = PIPELINE + "state: ${WHERE}\n"
    assert "from the file" not in parse(hidden, file=file, environment={}).outside.mask("it is from the file.")


KAFKA = """pipeline: p
contract: c.yml
source:
  kafka:
    brokers: ['${BROKER}', 'other:${PORT}']
    topic: ${TOPIC}
    group: ${GROUP}
    sasl: {user: '${LOGIN}', password: '${PASSWORD}'}
    config: {client.rack: '${RACK}'}
accepted: {delta: {path: 's3://bucket/x?token=${TOKEN}'}}
quarantine: {jsonl: {path: '${LAKE}/rejects.jsonl'}}
"""
GIVEN = {
    "BROKER": "broker-1:9092", "PORT": "9093", "TOPIC": "readings", "GROUP": "swordfish", "LOGIN": "annabelle",
    "PASSWORD": "swordfish", "RACK": "rack-one", "TOKEN": "to-let-in", "LAKE": "s3://key:secret@lake",
}  # fmt: skip


def test_where_something_is_can_be_shown_unless_it_is_also_a_secret() -> None:
    outside = parse(KAFKA, environment=GIVEN).outside
    for shown in ("BROKER", "PORT", "TOPIC"):
        assert outside.mask(f"at {GIVEN[shown]}") == f"at {GIVEN[shown]}"
    for name in ("GROUP", "LOGIN", "PASSWORD", "RACK", "TOKEN", "LAKE"):
        assert GIVEN[name] not in outside.mask(f"at {GIVEN[name]}")


def test_what_comes_from_a_file_is_a_secret_wherever_it_stands(tmp_path) -> None:
    (tmp_path / "topic").write_text("readings")
    text = KAFKA.replace("${TOPIC}", "${file:topic}")
    outside = parse(text, file=str(tmp_path / "p.yml"), environment=GIVEN).outside
    assert outside.mask("at readings") == "at ${file:topic}"


def test_a_file_of_variables_is_not_read_unless_it_is_named(tmp_path) -> None:
    (tmp_path / ".env").write_text("WHERE=x\n")
    with pytest.raises(PipelineError, match="WHERE is not set"):
        parse(PIPELINE.replace("env: .env\n", ""), file=str(tmp_path / "p.yml"), environment={})


@pytest.mark.parametrize("content", [None, b"A=\xff"])
def test_a_file_of_variables_that_cannot_be_read_is_a_problem_at_its_line(tmp_path, content) -> None:
    if content is not None:
        (tmp_path / ".env").write_bytes(content)
    with pytest.raises(PipelineError) as raised:
        parse(PIPELINE, file=str(tmp_path / "p.yml"), environment={"WHERE": "x"})
    [problem] = raised.value.problems
    assert (problem.code, problem.where.line, problem.path) == ("unreadable", 2, "env")
