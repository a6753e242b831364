"""A module is read in one go and a function seen on one screen."""

from __future__ import annotations

import ast
from statistics import median, quantiles

WAIVERS: dict[str, str] = {}
"""Modules over the limit, each with the reason why it reads better whole."""

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def lengths(modules):
    return {module.name: len(module.text.splitlines()) for module in modules if module.text.strip()}


def test_most_modules_are_short(modules):
    sizes = list(lengths(modules).values())
    assert median(sizes) <= 150
    assert quantiles(sizes, n=10, method="inclusive")[-1] <= 300


def test_no_module_is_long_without_a_reason(modules):
    long = {name: size for name, size in lengths(modules).items() if size > LONGEST_MODULE}
    assert not long.keys() - WAIVERS.keys(), f"each becomes a folder of the same name: {long}"
    assert not WAIVERS.keys() - long.keys(), "these need no waiver any more"


def test_a_function_fits_on_a_screen(modules):
    long = [
        f"{module.path}:{node.lineno}: {node.name} has {size} lines"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)
