"""The project speaks of itself alone: nothing left undone, no registry, no path of one machine."""

from __future__ import annotations

import re

# A letter in brackets keeps this file from breaking its own rule.
FORBIDDEN = {
    "left undone": r"TOD[O]|FIXM[E]",
    "a registry's host": r"pyp[i]\.org|pythonhoste[d]|mave[n]\.org|mave[n]\.apache|npmj[s]\.|proxy\.golan[g]",
    "a path of one machine": r"(?<![\w.}/-])/(work|root|farm|home)/|\.\./share[d]",
}
VAGUE = re.compile(r"(?:^|_)(utils?|common|helpers?|manager|misc)$")


def test_no_file_says_what_does_not_belong_here(files, root):
    found = []
    for path in files:
        data = path.read_bytes()
        if b"\0" in data[:8000]:
            continue
        for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
            found += [
                f"{path.relative_to(root)}:{number}: {what}: {line.strip()[:100]}"
                for what, words in FORBIDDEN.items()
                if re.search(words, line)
            ]
    assert not found, "\n".join(found)


def test_no_module_has_a_name_that_says_nothing(modules):
    vague = [module.name for module in modules if any(VAGUE.search(part) for part in module.parts)]
    assert not vague, "name a module after what it holds"
