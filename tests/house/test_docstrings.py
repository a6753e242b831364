"""Each module opens by saying what it is for."""

from __future__ import annotations

import ast


def test_each_module_opens_with_one_sentence_of_purpose(modules):
    wrong = []
    for module in modules:
        if not module.tree.body:
            continue
        purpose = " ".join((ast.get_docstring(module.tree) or "").split("\n\n")[0].split())
        if not purpose.endswith(".") or ". " in purpose:
            wrong.append(f"{module.path}: {purpose or 'says nothing'}")
    assert not wrong, "one sentence, then a blank line:\n" + "\n".join(wrong)
