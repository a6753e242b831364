"""Builds the compiled part of the kernel with the package, by the C compiler that comes from the package registry."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNEL = Path("src/stillwell/kernel")
SOURCES = (KERNEL / "reader.c", KERNEL / "pattern.c", KERNEL / "sequence/sequence.c")
LIBRARY = KERNEL / "_compiled.so"


class CustomBuildHook(BuildHookInterface):
    """Compiles where the source is newer; several environments share the library of one checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sources, library = [Path(self.root, source) for source in SOURCES], Path(self.root, LIBRARY)
        fresh = library.exists() and library.stat().st_mtime >= max(source.stat().st_mtime for source in sources)
        if not fresh and find_spec("ziglang"):
            _compile(sources, library)
        elif not fresh and version != "editable":
            raise SystemExit("error: ziglang is not installed, and a part of the kernel cannot be built without it")
        build_data["artifacts"].append(str(LIBRARY))
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def _compile(sources: list[Path], library: Path) -> None:
    made = library.with_suffix(f".{os.getpid()}")
    options = ["-std=c11", "-O3", "-mcpu=baseline", "-g0", "-s", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *options, "-o", made, *sources], check=True)  # noqa: S603
    made.replace(library)
