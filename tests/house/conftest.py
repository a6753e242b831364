"""What all house tests look at: the project's modules, read as source and never imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stillwell"


@dataclass(frozen=True)
class Module:
    """One source file; `parts` is its place inside the package, `("connectors", "delta")`, or `()` for the package."""

    path: Path

    @property
    def parts(self) -> tuple[str, ...]:
        place = self.path.relative_to(SOURCE).with_suffix("").parts
        return place[:-1] if place[-1] == "__init__" else place

    @property
    def name(self) -> str:
        return ".".join(("stillwell", *self.parts))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def imports(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line and dotted parts of everything imported anywhere in the module, for type checking too.

        `from a.b import c` gives `a.b.c`: `c` may be a module.
        """
        package = ("stillwell", *self.parts) if self.path.name == "__init__.py" else ("stillwell", *self.parts[:-1])
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, tuple(alias.name.split("."))
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else ()
                inside = tuple(node.module.split(".")) if node.module else ()
                for alias in node.names:
                    yield node.lineno, (*above, *inside, alias.name)


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file that is, or is about to be, part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
