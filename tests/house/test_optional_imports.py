"""The package imports with its core dependencies alone, and its first word to a user comes fast."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib

import stillwell

CORE = sys.stdlib_module_names | {"stillwell"}
IMPORTED_AS = {"python-dotenv": "dotenv", "pyyaml": "yaml"}
"""Where the name to import differs from the name to install."""


def core_dependencies(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = (re.split(r"[\s<>=!~\[;]", dependency, maxsplit=1)[0].lower() for dependency in project["dependencies"])
    return {IMPORTED_AS.get(name, name) for name in names}


def at_import(statements):
    """The import statements that run when a module is imported: not those in functions, nor those for type checkers."""
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "TYPE_CHECKING" not in ast.dump(
            getattr(node, "test", ast.Pass())
        ):
            yield from at_import(ast.iter_child_nodes(node))


def test_modules_import_only_core_libraries_when_imported(modules, root):
    known = CORE | core_dependencies(root)
    wrong = []
    for module in modules:
        for node in at_import(module.tree.body):
            names = [node.module or "stillwell"] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            if isinstance(node, ast.ImportFrom) and node.level:
                continue
            wrong += [f"{module.path}:{node.lineno}: {name}" for name in names if name.split(".")[0] not in known]
    assert not wrong, "open these inside the method that needs them, by `need`:\n" + "\n".join(wrong)


def test_the_version_is_told_without_loading_an_engine(root):
    program = (
        "import json, sys\n"
        "from stillwell.cli import main\n"
        "sys.argv = ['stillwell', '--version']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(json.dumps(sorted(name for name in sys.modules if '.' not in name)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    version, loaded = result.stdout.strip().splitlines()
    assert version == f"stillwell {stillwell.__version__}"
    assert not {"duckdb", "pyarrow", "numpy", "sqlglot"} & set(json.loads(loaded))
