"""Makes sensor records with known faults, to try a contract on."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import pyarrow as pa
import typer
from pydantic import ValidationError

from stillwell.cli._values import instant
from stillwell.cli.base import Json, Outcome, Output
from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.generator import KINDS, Source, write_records
from stillwell.connectors.generator.options import GeneratorOptions
from stillwell.delivery.durable import writing
from stillwell.errors import Problem, StillwellError, did_you_mean, fail
from stillwell.pipeline.url import built

PLACE = ("lab", 0)
EXAMPLES = (
    "stillwell generate --rows 1000 > readings.jsonl",
    "stillwell generate --rows 1e6 --faults null=2%,outlier=1% --out readings.jsonl.gz --truth faults.csv",
    "stillwell generate --rate 500 --seconds 10 | stillwell check -",
    "stillwell generate --rate 500 --out kafka://localhost:9092/sensor-topic",
)

EVERY_LINE = 30.0
"""Seconds between two lines that say how far it is, where there is no terminal to draw on."""

_ROWS = 10_000


def generate(
    rows: Annotated[
        float | None, typer.Option(metavar="N", help="How many records; 10,000, or endless at a rate.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="N", help="Records a second; as fast as it goes.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="N", help="Stop after so many seconds.")] = None,
    sensors: Annotated[int, typer.Option(metavar="N", help="How many sensors.")] = 100,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other records.")] = 7,
    faults: Annotated[
        str | None, typer.Option(metavar="KIND=SHARE,…", help=f"Which faults (or none): {', '.join(KINDS)}.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Event time of the first record; now is one too.")
    ] = None,
    speed: Annotated[float, typer.Option(metavar="N", help="Event clock, times the wall's, at a rate.")] = 1.0,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="Where to; - is standard output. .gz and .zst compress. Or kafka://…")
    ] = "-",
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="CSV with the true fault of each record.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only how it ended.")] = False,
    json: Json = False,
) -> Outcome:
    """Make sensor records, one JSON object a line, some of them with faults whose truth is known.

    The same options always give the same records.
    """
    if json and out == "-":
        raise fail(
            StillwellError, "usage", "Records and JSON cannot share standard output.", "Name a file: --out FILE."
        )
    output = Output(json=json)
    told: dict[str, Any] = {"rate": rate, "seconds": seconds, "sensors": sensors, "seed": seed, "speed": speed}
    told["rows"] = _ROWS if rows is None and rate is None and seconds is None else rows
    told |= {"faults": _faults(faults)} if faults is not None else {}
    told |= {"start": instant(start, "--start")} if start is not None else {}
    source = _Watched(_options(told), quiet=quiet)
    with ExitStack() as open_files:
        beside = open_files.enter_context(_writable(truth)) if truth else None
        take = open_files.enter_context(_sent(out) if "://" in out else _lines(Path(out)))
        written = write_records(source, take, beside)
    source.people.progress("")
    injected = sum(source.faults.values())
    source.people.say(f"{written:,} records, {injected:,} of them faulty, seed {seed}")
    output.emit(
        "generate",
        {
            "rows": written,
            "seed": seed,
            "out": out,
            "truth": str(truth) if truth else None,
            "faults": dict(source.faults),
        },
    )
    return Outcome.YES


class _Watched(Source):
    """The generator, counting what it hands out and telling how far it is."""

    def __init__(self, options: GeneratorOptions, *, quiet: bool) -> None:
        super().__init__(options, Place("generate", Path(), Path()))
        self.faults: Counter[str] = Counter()
        # Standard output may be where the records go.
        self.people = Output(json=True)
        self._quiet = quiet
        self._made = 0
        self._since = self._told = time.monotonic()

    def read(self, records: int) -> Chunk | None:
        """The next chunk."""
        chunk = super().read(records)
        if chunk is not None:
            self._made += len(chunk.table)
            counts = chunk.table["fault"].cast(pa.string()).drop_null().value_counts().to_pylist()
            self.faults.update({one["values"]: one["counts"] for one in counts})
            if not self._quiet:
                self._tell(time.monotonic())
        return chunk

    def _tell(self, now: float) -> None:
        line = f"{self._made:,} records, {self._made / max(now - self._since, 1e-3):,.0f} a second"
        if self.people.terminal:
            self.people.progress(line)
        elif now - self._told >= EVERY_LINE:
            self._told = now
            self.people.say(line)


def _options(told: dict[str, Any]) -> GeneratorOptions:
    try:
        return GeneratorOptions(**told)
    except ValidationError as error:
        problems = []
        for one in error.errors(include_url=False, include_input=False):
            name, *rest = (str(part) for part in one["loc"]) if one["loc"] else ("",)
            known = did_you_mean(rest[0], KINDS) if name == "faults" and rest and rest[0] not in KINDS else None
            what = f"There is no fault `{rest[0]}`." if known else one["msg"].removeprefix("Value error, ") + "."
            problems.append(
                Problem("usage", what, known or "See `stillwell generate --help`.", path=f"--{name}" if name else "")
            )
        raise StillwellError(dict.fromkeys(problems)) from error


def _faults(text: str) -> dict[str, str]:
    """`null=2%,outlier=1%` by kind; `none` is no fault at all."""
    if text == "none":
        return {}
    pairs = [one.partition("=") for one in text.split(",")]
    for kind, _, part in pairs:
        if not part.endswith("%") or not part[:-1].replace(".", "", 1).isdigit():
            raise fail(
                StillwellError,
                "usage",
                f"`{kind}` has no share in `{text}`.",
                "Write it like null=2%,outlier=1%.",
                path="--faults",
            )
    return {kind.strip(): part for kind, _, part in pairs}


@contextmanager
def _sent(url: str) -> Iterator[Callable[[pa.Table], None]]:
    """Sends records to a topic, each under the name of its sensor, with its true fault as a header."""
    producer, outside = built(url, "Producer", Place("generate", Path(), Path()))
    with outside.masking():
        yield lambda records: producer.send(records, {"fault": "fault", "fault_field": "fault_field"})
        producer.flush()


@contextmanager
def _lines(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Writes records to a file, a line each."""
    with _writable(path) as stream:
        yield lambda records: _write_lines(records, stream)


def _write_lines(records: pa.Table, stream: BinaryIO) -> None:
    stream.write(b"\n".join(records.column("payload").to_pylist()) + b"\n")


@contextmanager
def _writable(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with writing(path), pa.output_stream(str(path), compression="detect") as stream:
        yield stream
