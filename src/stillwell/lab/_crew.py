"""Several processes that are one service: `python -m stillwell.lab._crew FOLDER` runs them, and each anew if it dies.

`FOLDER/crew.json` has the words of each by its name; `FOLDER/pids.json` says which process each one is now. They end
with this process, however it ends.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillwell.lab._place import written
from stillwell.lab._process import Child, Command

_STEP = 0.2
_PATIENCE = 20.0


def crew(folder: Path, words: Mapping[str, Sequence[str]]) -> list[str]:
    """The command that runs these."""
    written(folder / "crew.json", json.dumps(words).encode())
    return [sys.executable, "-m", "stillwell.lab._crew", str(folder)]


def members(folder: Path) -> dict[str, int]:
    """The number of each process, by name; none before the first was started."""
    try:
        return dict(json.loads((folder / "pids.json").read_text()))
    except FileNotFoundError:
        return {}


def run(folder: Path, stop: threading.Event) -> None:
    """Keep all of them running until `stop` is set."""
    words: dict[str, list[str]] = json.loads((folder / "crew.json").read_text())
    log = next(iter(folder.glob("*.log")))
    running: dict[str, Child] = {}
    while not stop.wait(_STEP):
        for name, command in words.items():
            if name in running and running[name].process.alive:
                continue
            if name in running:
                print(f"{name} has died, and is started again", flush=True)
                running[name].bury()
            running[name] = Child(Command(command, folder, log))
            pids = {one: child.process.pid for one, child in running.items()}
            written(folder / "pids.json", json.dumps(pids).encode())
    for child in reversed(running.values()):
        if not child.process.signal(signal.SIGTERM, _PATIENCE):
            child.process.signal(signal.SIGKILL, _PATIENCE)
        child.bury()


def main() -> None:
    """Run the crew of the folder that is named, until a signal says stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Path(sys.argv[1]), stop)


if __name__ == "__main__":
    main()
