"""The locks hold together: every file is known by its hash, and all environments judge with the same libraries."""

from __future__ import annotations

import re

ENVIRONMENTS = ("main", "spark", "flink")
JUDGING = ("duckdb", "pydantic", "pyyaml", "sqlglot", "xxhash")
"""What a verdict is computed with, beside numpy and pyarrow, of which each engine brings its own."""


def locked(root, name):
    """The lines of a lock, one requirement each, its hashes with it."""
    text = (root / "environments" / f"{name}.txt").read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_requirement_is_pinned_and_hashed(root):
    for name in ("uv", "build", "fuzz", "oldest", *ENVIRONMENTS):
        lines = locked(root, name)
        assert lines
        loose = [line for line in lines if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]
        assert not loose, f"{name}: {loose}"


def test_all_environments_judge_with_the_same_libraries(root):
    versions = {
        name: {line.split()[0] for line in locked(root, name) if line.split("==")[0] in JUDGING}
        for name in ENVIRONMENTS
    }
    assert len(versions["main"]) == len(JUDGING)
    assert versions["spark"] == versions["main"] == versions["flink"], "run `make lock`"
