"""Builds the compiled reader of the kernel with the package, by the C compiler that comes from the package registry."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/stillwell/kernel/reader.c")
LIBRARY = SOURCE.with_name("_reader.so")


class CustomBuildHook(BuildHookInterface):
    """Compiles where the source is newer; several environments share the library of one checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source, library = Path(self.root, SOURCE), Path(self.root, LIBRARY)
        fresh = library.exists() and library.stat().st_mtime >= source.stat().st_mtime
        if not fresh and find_spec("ziglang"):
            _compile(source, library)
        elif not fresh and version != "editable":
            raise SystemExit("error: ziglang is not installed, and the kernel's reader cannot be built without it")
        build_data["artifacts"].append(str(LIBRARY))
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def _compile(source: Path, library: Path) -> None:
    made = library.with_suffix(f".{os.getpid()}")
    options = ["-std=c11", "-O3", "-mcpu=baseline", "-g0", "-s", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *options, "-o", made, source], check=True)  # noqa: S603
    made.replace(library)
