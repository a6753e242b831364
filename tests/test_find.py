"""A plug-in is found by the name of its file in a room, or by an entry point of another package; no list is edited."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import stillwell.connectors
from stillwell._find import find, names
from stillwell.connectors.jsonl import Sink
from stillwell.errors import StillwellError

TOY = "class Source:\n    told = {told!r}\n"
ENTRY_POINTS = "[stillwell.connectors]\ntoy = toy_package.source\njsonl = toy_package.source\n"


@pytest.fixture
def toy_file(tmp_path, monkeypatch):
    """A file `toy.py` in the room of connectors."""
    (tmp_path / "toy.py").write_text(TOY.format(told="by file"))
    monkeypatch.setattr(stillwell.connectors, "__path__", [*stillwell.connectors.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("stillwell.connectors.toy", None)


@pytest.fixture
def toy_package(tmp_path, monkeypatch):
    """An installed package that offers the connectors `toy` and, over our own, `jsonl`."""
    for folder, file, text in (
        ("toy_package", "__init__.py", ""),
        ("toy_package", "source.py", TOY.format(told="by entry point")),
        ("toy-1.0.dist-info", "METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n"),
        ("toy-1.0.dist-info", "entry_points.txt", ENTRY_POINTS),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("toy_package", "toy_package.source"):
        sys.modules.pop(name, None)


def test_a_file_in_the_room_is_a_plug_in(toy_file):
    assert "toy" in names("connectors")
    assert find("connectors", "toy", "Source").told == "by file"


@pytest.mark.usefixtures("toy_package")
def test_another_package_adds_a_plug_in_by_an_entry_point():
    assert "toy" in names("connectors")
    assert find("connectors", "toy", "Source").told == "by entry point"


@pytest.mark.usefixtures("toy_package")
def test_another_package_may_take_the_place_of_our_own():
    assert find("connectors", "jsonl", "Source").told == "by entry point"
    assert names("connectors").count("jsonl") == 1


def test_our_own_are_found_and_what_is_no_plug_in_is_not():
    assert find("connectors", "jsonl", "Sink") is Sink
    assert {"delta", "files", "generator", "stdin"} <= set(names("connectors"))
    assert not [name for name in names("connectors") if name == "base" or name.startswith("_")]
    assert "embedded" in names("engines")


def test_naming_the_plug_ins_imports_none_of_them():
    program = (
        "import sys\nfrom stillwell._find import names\nassert 'delta' in names('connectors')\n"
        "print([one for one in sys.modules if one.startswith('stillwell.connectors.')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("name", "side", "code", "fix"),
    [
        ("detla", "Source", "unknown-plugin", "Did you mean `delta`?"),
        ("base", "Source", "unknown-plugin", "Known: "),
        ("stdin", "Sink", "not-supported", "Use another of: "),
    ],
)
def test_what_cannot_be_found_is_told_with_a_way_out(name, side, code, fix):
    with pytest.raises(StillwellError) as caught:
        find("connectors", name, side)
    [problem] = caught.value.problems
    assert problem.code == code
    assert f"`{name}`" in problem.what
    assert problem.fix.startswith(fix)
