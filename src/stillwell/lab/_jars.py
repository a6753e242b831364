"""Jars of pinned versions, fetched once with Maven into a cache that two may fill at the same time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from stillwell.errors import StillwellError, fail
from stillwell.lab import _place
from stillwell.lab._java import maven

POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stillwell.lab</groupId>
  <artifactId>{name}</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
DEPENDENCY = "    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8"

_LIST = "jars.json"


def cache() -> Path:
    """Where everything that was fetched for the lab is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillwell" / "lab"


def resolve(name: str, pins: tuple[str, ...], *, who: str, thorough: bool = False) -> None:
    """Fetch the jars that `pins` (`group:artifact:version`) need into the cache, unless they are there, whole.

    Args:
        name: the folder of the cache, for example `kafka-4.3.1`.
        pins: what the one pom of the service depends on, exactly.
        who: the service, as a person calls it.
        thorough: compare every byte with what was fetched, and not only names and sizes.

    Raises:
        StillwellError: codes `missing-maven`; `unfetchable`, when Maven fails; `unwritable`.
    """
    folder = cache() / name
    pom = POM.format(name=name, dependencies="\n".join(DEPENDENCY.format(*pin.split(":")) for pin in pins))
    if not _whole(folder, pom, thorough):
        with alone(folder):
            # Whoever waited finds what the other one fetched.
            if not _whole(folder, pom, thorough):
                _fetch(folder, pom, who)


def class_path(name: str) -> str:
    """All jars of a folder of the cache, as Java reads it; always in the same order, or no archive would fit."""
    return os.pathsep.join(map(str, sorted((cache() / name / "lib").glob("*.jar"))))


def alone(folder: Path) -> AbstractContextManager[None]:
    """Let nobody else change this folder of the cache in the meantime."""
    lock = folder.with_name(f"{folder.name}.lock")
    return _place.alone(lock, "Let XDG_CACHE_HOME name a folder where this user may write.")


def _fetch(folder: Path, pom: str, who: str) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    (part / "pom.xml").write_text(pom)
    goal = [f"{PLUGIN}:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"]
    run = subprocess.run(  # noqa: S603 - the command is ours
        [maven(who), "-B", "-q", "-Dstyle.color=never", *goal],
        cwd=part,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        said = re.findall(r"\[ERROR\] (.+?)(?: -> .*)?$", run.stdout + run.stderr, re.MULTILINE)
        raise fail(
            StillwellError,
            "unfetchable",
            f"Maven could not fetch {who}: {said[0] if said else 'it does not say why.'}",
            f"See that Maven reaches its repository: `mvn dependency:resolve` in {part} says more.",
        )
    found = {path.name: _described(path) for path in (part / "lib").glob("*.jar")}
    (part / _LIST).write_text(json.dumps({"pom": pom, "jars": found}, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _whole(folder: Path, pom: str, thorough: bool) -> bool:
    """Whether every jar is there as it was fetched, for this very pom."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads((folder / _LIST).read_text())
        paths = {name: folder / "lib" / name for name in told["jars"]}
        return told["pom"] == pom and all(
            path.stat().st_size == told["jars"][name][0] and (not thorough or _described(path) == told["jars"][name])
            for name, path in paths.items()
        )
    return False


def _described(path: Path) -> list[int | str]:
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]
