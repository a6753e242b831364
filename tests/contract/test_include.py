"""Types and lookups may live in other files; the contract that is kept stands for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.contract.load import load, parse
from stillwell.errors import ContractError

CONTRACT = """\
contract: a
version: 1.0.0
include: [shared/types.yml]
types: {own: {type: percent, max: 50}}
fields:
  f: {type: own, in: sites, description: "é \\"q\\" \\x07 🜁 \\\\"}
  g: {type: percent}
rules: {r: {expect: "f > 1\\n and sites.zone = 'x'"}}
"""

SHARED = """\
include: [lookups.yml]
types: {percent: {type: double, unit: '%', min: 0, max: 100}}
"""

LOOKUPS = "lookups: {sites: {key: id, fields: {id: {type: double}, zone: {type: string}}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    (tmp_path / "contract.yml").write_text(CONTRACT, encoding="utf-8")
    (tmp_path / "shared" / "types.yml").write_text(SHARED, encoding="utf-8")
    (tmp_path / "shared" / "lookups.yml").write_text(LOOKUPS, encoding="utf-8")
    return tmp_path


def problems(folder: Path) -> list[tuple[str, str, int, int]]:
    with pytest.raises(ContractError) as caught:
        load(folder / "contract.yml")
    return [(one.code, Path(one.where.file).name, one.where.line, one.where.column) for one in caught.value.problems]


def test_what_is_included_can_be_used(folder: Path) -> None:
    contract = load(folder / "contract.yml")
    assert contract.field("f").constraints.limits.max == 50.0
    assert contract.field("g").unit == "%"
    assert [lookup.name for lookup in contract.lookups] == ["sites"]


def test_the_text_that_is_kept_needs_no_other_file(folder: Path) -> None:
    contract = load(folder / "contract.yml")
    again = parse(contract.text)
    assert again == contract
    assert again.field("f").description == 'é "q" \x07 🜁 \\'


def test_without_include_the_text_is_kept_as_it_was_written() -> None:
    text = "contract: a  # why\nversion: 1.0.0\nfields: {f: {type: string}}\n"
    assert parse(text).text == text


def test_a_problem_in_an_included_file_names_that_file(folder: Path) -> None:
    (folder / "shared" / "types.yml").write_text("types: {percent: {type: double, min: x}}\n", encoding="utf-8")
    assert ("bad-value", "types.yml", 1, 38) in problems(folder)


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ("fields: {}\ntypes: {percent: {type: double}}\n" + LOOKUPS, ("unknown-key", "types.yml", 1, 1)),
        ("types: {percent: {type: double}, own: {type: double}}\n" + LOOKUPS, ("duplicate-key", "contract.yml", 4, 9)),
        ("include: [../contract.yml]\n" + SHARED.partition("\n")[2] + LOOKUPS, ("bad-value", "types.yml", 1, 11)),
        ("include: [no.yml]\n" + SHARED.partition("\n")[2] + LOOKUPS, ("unreadable", "types.yml", 1, 11)),
        (
            "types: {percent: {type: double}, percent: {type: double}}\n" + LOOKUPS,
            ("duplicate-key", "types.yml", 1, 34),
        ),
    ],
)
def test_what_cannot_be_included_is_refused(folder: Path, shared: str, expected) -> None:
    (folder / "shared" / "types.yml").write_text(shared, encoding="utf-8")
    assert problems(folder) == [expected]


def test_a_file_may_be_included_twice(folder: Path) -> None:
    text = CONTRACT.replace("[shared/types.yml]", "[shared/types.yml, shared/lookups.yml]")
    (folder / "contract.yml").write_text(text, encoding="utf-8")
    assert [lookup.name for lookup in load(folder / "contract.yml").lookups] == ["sites"]
