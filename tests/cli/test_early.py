"""A run that is asked to end before it began ends well, and says that nothing was read."""

from __future__ import annotations

import json
import subprocess
import sys

# The signal comes while the verb is imported: after the handler is there, and before a plan is made.
SENT = """
import builtins, os, signal, sys
import stillwell.cli._app
real, sent = builtins.__import__, []
def importing(name, *rest, **more):
    if name == "stillwell.cli._pipeline" and not sent:
        sent.append(os.kill(os.getpid(), signal.SIGTERM))
    return real(name, *rest, **more)
builtins.__import__ = importing
from stillwell.cli import main
main()
"""


def started(*arguments):
    return subprocess.run([sys.executable, "-c", SENT, *arguments], capture_output=True, text=True, timeout=60)


def test_a_run_ends_with_its_summary(stream):
    here = stream()
    result = started("run", "--json", str(here / "pipeline.yml"))
    found = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, found["schema"], found["read"]) == (0, "stillwell.run/1", 0)
    assert found["interrupted"]
    assert "read 0 = accepted 0 + quarantined 0" in result.stderr


def test_any_other_verb_ends_at_once(stream):
    assert started("audit", str(stream())).returncode == 143
