"""Shows what was rejected, judges it again under a better contract, and lets it expire."""

from stillwell.cli.quarantine.expire import expire
from stillwell.cli.quarantine.ls import ls
from stillwell.cli.quarantine.replay import replay
from stillwell.cli.quarantine.show import show

PLACE = ("operate", 3)
EXAMPLES = (
    "stillwell quarantine ls",
    "stillwell quarantine ls demo --where 'rule=temperature.*' --json",
    "stillwell quarantine show --where rule=payload.format --where state=open --limit 3",
    "stillwell quarantine replay --where rule=temperature.range --dry-run",
    "stillwell quarantine replay --contract next.yml",
    "stillwell quarantine expire --older-than 30d --dry-run",
    "stillwell quarantine expire --where state=passed --older-than 7d",
)
VERBS = (ls, show, replay, expire)
