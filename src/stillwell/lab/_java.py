"""Finds Java and Maven, and says so when they are missing or too old."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from stillwell.errors import StillwellError, fail

FLAGS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a service that starts quickly and stays small."""


def java(who: str, oldest: int) -> Path:
    """The Java to run `who` with: that of `JAVA_HOME`, or else the first on the path.

    Raises:
        StillwellError: code `missing-java`, when there is none, or one older than version `oldest`.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        where = f"in JAVA_HOME ({home})" if home else "on the path"
        raise _missing("java", f"{who} needs Java {oldest} or newer, and there is none {where}.", oldest)
    path = Path(found).resolve()
    version = _version(path)
    if version and version < oldest:
        raise _missing("java", f"{who} needs Java {oldest} or newer; {found} is Java {version}.", oldest)
    return path


def maven(who: str) -> Path:
    """The Maven that fetches what `who` consists of.

    Raises:
        StillwellError: code `missing-maven`.
    """
    found = shutil.which("mvn")
    if found is None:
        raise fail(
            StillwellError,
            "missing-maven",
            f"{who} is fetched with Maven, and there is no `mvn` on the path.",
            "Install it (Debian, Ubuntu: apt install maven).",
        )
    return Path(found)


def build(path: Path) -> str:
    """Names this very build of Java: another one, or the same one updated, has another name."""
    modules = path.parent.parent / "lib" / "modules"
    found = (modules if modules.exists() else path).stat()
    return hashlib.sha256(f"{path} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]


def _version(path: Path) -> int | None:
    told = path.parent.parent / "release"
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', told.read_text(), re.MULTILINE) if told.exists() else None
    return int(match[1]) if match else None


def _missing(what: str, why: str, oldest: int) -> StillwellError:
    fix = f"Install it (Debian, Ubuntu: apt install openjdk-{oldest}-jre-headless), or point JAVA_HOME at it."
    return fail(StillwellError, f"missing-{what}", why, fix)
