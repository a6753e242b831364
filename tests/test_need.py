"""An optional library is imported, or one sentence says who needs it and which extra installs it."""

from __future__ import annotations

import json

import pytest

from stillwell._need import need
from stillwell.errors import StillwellError


def test_what_is_installed_is_given():
    assert need("json", who="The test", extra="test") is json


def test_what_is_missing_is_named_with_the_extra_that_installs_it():
    with pytest.raises(StillwellError) as caught:
        need("stillwell_nowhere.inner", who="A Delta table", extra="delta")
    [problem] = caught.value.problems
    assert problem.code == "missing-extra"
    assert problem.what == "A Delta table needs stillwell_nowhere, which is not installed."
    assert problem.fix == "pip install 'stillwell[delta]'"


def test_a_library_that_is_itself_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "half_a_library.py").write_text("import something_it_wants\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_it_wants"):
        need("half_a_library", who="The test", extra="test")
