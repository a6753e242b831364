"""One peer in a process of its own: says that it is ready, then does a piece of work for each line that it is sent.

Standard output is for answers alone, one object of JSON a line; whatever a peer prints goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """`worker.py PEER DATA FOLDER DISTRIBUTION…`: count or split DATA; what is split goes into FOLDER."""
    name, data, folder, *distributions = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    began = time.perf_counter()
    peer = importlib.import_module(f"of_{name}").Peer(data, Path(folder))
    started = time.perf_counter() - began
    versions = {one: importlib.metadata.version(one) for one in distributions}
    print(json.dumps({"started": started, "versions": versions}), file=answers, flush=True)
    for line in sys.stdin:
        work = getattr(peer, line.strip())
        began, busy = time.perf_counter(), time.process_time()
        found = work()
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(json.dumps({"seconds": seconds, "busy": busy, "found": found, "mib": mib}), file=answers, flush=True)


if __name__ == "__main__":
    main()
