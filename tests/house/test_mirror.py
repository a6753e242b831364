"""Tests mirror the source: whoever opens a module knows where its tests are."""

from __future__ import annotations

import ast

FREE = 30
"""Lines of code up to which a module needs no test of its own."""


def lines_of_code(tree):
    """How many lines hold code: docstrings, comments and blank lines do not count."""
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.stmt):
            first_of_body = min((child.lineno for child in getattr(node, "body", [])), default=node.end_lineno + 1)
            lines.update(range(node.lineno, max(first_of_body, node.lineno + 1)))
    return len(lines)


def places(module, tests):
    """Where a module's tests may live: in its mirror image, a folder of its name, or its folder's mirror image."""
    *folders, name = (part.lstrip("_") for part in module.parts)
    here = tests.joinpath(*folders)
    yield here / f"test_{name}.py"
    yield here / name
    if len(folders) > 1:
        yield here.parent / f"test_{folders[-1]}.py"


def test_each_module_has_its_tests_where_they_are_looked_for(modules, root):
    missing = []
    for module in modules:
        size = lines_of_code(module.tree)
        if size <= FREE or module.path.name in ("__init__.py", "__main__.py", "base.py"):
            continue
        expected = list(places(module, root / "tests"))
        if not any(place.exists() for place in expected):
            missing.append(f"{module.path}: {size} lines of code and no {expected[0].relative_to(root)}")
    assert not missing, "\n".join(missing)
