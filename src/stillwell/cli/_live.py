"""What a run looks like while it goes: counts, speed, the rules that fail, and what was rejected just now."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from stillwell.cli.base import Output, shown
from stillwell.engines.base import Progress

EVERY_FRAME = 0.5
EVERY_LINE = 1.0
WIDTH = 80


@dataclass
class Picture:
    """The state of a run as of its last epoch; `see` is called by the engine, the rest by whoever draws."""

    began: float = field(default_factory=time.monotonic)
    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    lag: int | None = None
    rules: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    waits: Callable[[], str] = lambda: ""
    found: Callable[[], int] = lambda: 0
    fresh: deque[tuple[str, str, str, str]] = field(default_factory=lambda: deque(maxlen=4))

    def see(self, progress: Progress) -> None:
        """Take in one epoch."""
        judged = progress.judged
        self.read += judged.read
        self.accepted += len(judged.accepted)
        self.quarantined += len(judged.quarantined)
        self.lag = progress.lag
        self.rules.update(judged.tally.failures())
        if judged.tally.group:
            counts = judged.tally.counts["quarantined"].tolist()
            for (_, group), count in zip(judged.tally.cells, counts, strict=True):
                if count and group[0] is not None:
                    self.groups[group[0]] += count
        self.fresh.extend(_rejects(judged.quarantined))

    @property
    def seconds(self) -> float:
        """How long it goes by now."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Records a second, on average."""
        return self.read / max(self.seconds, 1e-3)

    def line(self) -> str:
        """All of it in one line."""
        share = f"accepted {self.accepted / self.read:.1%}" if self.read else "waiting for records"
        waits = self.waits()
        lag = "  lag unknown" if waits else "" if self.lag is None else f"  lag {self.lag:,}"
        told = f"  waiting: {shown(waits)}" if waits else ""
        findings = f"  findings {found:,}" if (found := self.found()) else ""
        return f"{self.seconds:6.1f} s  read {self.read:,}  {self.rate:,.0f} rec/s  {share}{lag}{findings}{told}"

    def frame(self, title: str, output: Output) -> list[str]:
        """All of it in a few lines of 80 columns."""
        lines = [output.paint(title[:WIDTH], "bold"), "  " + self.line().strip()]
        if self.rules:
            lines.append(output.paint(f"  {'failing rules':<42}{'most rejected' if self.groups else ''}", "dim"))
            most = self.rules.most_common(1)[0][1]
            groups = self.groups.most_common(5)
            for position, (rule, count) in enumerate(self.rules.most_common(5)):
                bar = "█" * max(1, round(8 * count / most))
                left = f"  {rule[:22]:<22} {bar:<8} {count:>8,}"
                name, number = groups[position] if position < len(groups) else ("", 0)
                lines.append(f"{left}  {shown(name)[:22]:<22} {number:>8,}" if name else left)
        if self.fresh:
            lines.append(output.paint("  just rejected", "dim"))
            for when, rule, seen, expected in self.fresh:
                text = f"  {when}  {rule:<22}  saw {seen}, expected {expected}"
                lines.append(text if len(text) <= WIDTH else text[: WIDTH - 1] + "…")
        return lines


def _rejects(quarantined: pa.Table) -> Iterator[tuple[str, str, str, str]]:
    """Time, rule, seen and expected of two of the rejected records."""
    if "reasons" not in quarantined.column_names:
        return  # they stayed where they were judged
    for place in dict.fromkeys((0, len(quarantined) // 2)) if len(quarantined) else ():
        row = quarantined.slice(place, 1).select(["reasons", "_stillwell"]).to_pylist()[0]
        reason = row["reasons"][0]
        seen = "nothing" if reason["seen"] is None else shown(reason["seen"])[:24]
        yield f"{row['_stillwell']['ingest_time']:%H:%M:%S}", reason["rule"], seen, shown(reason["expected"])


@contextmanager
def drawn(picture: Picture, title: str, output: Output, *, quiet: bool) -> Iterator[None]:
    """Draw the picture until the block ends: a frame twice a second on a terminal, else a plain line a second."""
    if quiet:
        yield
        return
    draw, every = (
        (_frames(picture, title, output), EVERY_FRAME) if output.terminal else (_lines(picture, output), EVERY_LINE)
    )
    over = threading.Event()

    def loop() -> None:
        while not over.wait(every):
            draw()

    thread = threading.Thread(target=loop, name="view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if output.terminal:
            draw()


def _frames(picture: Picture, title: str, output: Output) -> Callable[[], None]:
    drawn_lines = 0

    def draw() -> None:
        nonlocal drawn_lines
        lines = picture.frame(title, output)
        up = f"\x1b[{drawn_lines}A" if drawn_lines else ""
        output.say(up + "\n".join(f"\x1b[2K{line}" for line in lines) + "\x1b[0J")
        drawn_lines = len(lines)

    return draw


def _lines(picture: Picture, output: Output) -> Callable[[], None]:
    return lambda: output.say(picture.line())
