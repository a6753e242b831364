"""Proves that a pipeline lost, doubled and altered nothing, or names what."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli._pipeline import named, planned
from stillwell.cli.base import Json, Outcome, Output, shown
from stillwell.delivery.audit import Audited
from stillwell.delivery.proof import Finding, Partition
from stillwell.pipeline.audit import audit as prove

PLACE = ("operate", 4)
EXAMPLES = ("stillwell audit", "stillwell audit demo", "stillwell audit pipelines/sensors.yml --json")


def audit(
    pipeline: Annotated[
        Path | None, typer.Argument(metavar="[PIPELINE]", help="The file, or its folder; pipeline.yml here.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As the runs had it; may be repeated.")
    ] = None,
    without_source: Annotated[
        bool, typer.Option("--without-source", help="Ask the ledger alone, where the source can no longer be read.")
    ] = False,
    json: Json = False,
) -> Outcome:
    """Hold source, ledger and sinks against each other.

    What the source still has is read and judged again, and each sink must hold exactly those rows; for the rest the
    ledger's checksums must fit. Rows that came by a replay must have their record in the quarantine, rows that are
    missing there must have expired. Exit code: 0 it holds, 1 it does not, 2 it holds but something is still unfinished,
    records were gone before they could be read, or the source was left out, 3 it could not tell, as when the source
    cannot be read.
    """
    output = Output(json=json)
    made = planned(pipeline, settings or (), output)
    found = prove(made, without_source=without_source)
    if without_source:
        left_out = "the source was left out: the sinks are held against the ledger's checksums alone"
        output.say(output.paint(left_out, "warn"))
    _say(found, output, named(made))
    sums = {"proved": found.proved, "by_ledger": found.by_ledger, "forgotten": found.forgotten}
    sums |= {"uncompared": found.uncompared, "missed": found.missed}
    output.emit(
        "audit",
        {
            "pipeline": made.pipeline.name,
            "holds": found.holds,
            "without_source": without_source,
            **sums,
            **dataclasses.asdict(found),
        },
    )
    if not found.holds:
        return Outcome.NO
    return Outcome.WARNED if found.open or found.unfinished or found.missed or without_source else Outcome.YES


def _say(found: Audited, output: Output, place: str) -> None:
    more = f" + expired {found.expired:,}" if found.expired else ""
    output.say(f"accepted {found.accepted:,} rows + quarantined {found.quarantined:,} rows{more}")
    if found.replayed:
        output.say(f"{found.replayed:,} quarantined records were accepted by a replay later")
    output.say(f"{found.proved:,} records proved from the source · {found.by_ledger:,} by the ledger's checksums alone")
    if found.forgotten:
        output.say(
            output.paint(f"no longer provable: {found.forgotten:,}, whose rows retention took from a sink", "warn")
        )
    for part in found.partitions if len(found.partitions) > 1 or any(one.missed for one in found.partitions) else ():
        output.say(f"  partition {part.partition:<4} proved {part.proved:,}{_rest(part)}")
    if found.missed:
        output.say(output.paint(f"gone before they could be read: {found.missed:,} offsets", "warn"))
    if opened := found.open - found.open_aftermath:
        output.say(output.paint(f"{opened:,} records of an epoch that the next run will finish", "warn"))
    if found.unfinished:
        verb = found.unfinished.partition("-")[0]
        begun = f", {found.open_aftermath:,} records of an epoch are begun" if found.open_aftermath else ""
        how = f"stillwell quarantine {verb}{place} finishes it"
        output.say(output.paint(f"{found.unfinished} did not end{begun}: {how}", "warn"))
    for finding in found.findings:
        output.say(output.paint("✗ ", "bad") + _told(finding))
    if found.holds:
        output.say(output.paint(_held(found), "good"))


def _held(found: Audited) -> str:
    """The closing line: of values it claims only what was compared."""
    if not found.by_ledger and not found.uncompared:
        return "✓ nothing lost, nothing doubled, nothing altered"
    told = f"nothing altered in {found.proved:,} records that the source still has" if found.proved else ""
    gone = f"the values of {found.uncompared:,} accepted rows could not be compared" if found.uncompared else ""
    return f"✓ nothing lost, nothing doubled; {', '.join(filter(None, (told, gone)))}".removesuffix("; ")


def _rest(part: Partition) -> str:
    """What is to be said of a partition beside what was proved."""
    told = {
        "no longer provable from the source": part.by_ledger,
        "no longer provable": part.forgotten,
        "unfinished": part.open,
        "gone before they were read": part.missed,
    }
    return "".join(f" · {words}: {count:,}" for words, count in told.items() if count)


def _told(finding: Finding) -> str:
    named = ", ".join(f"{offset:,}" for offset in finding.offsets)
    more = " …" if finding.count > len(finding.offsets) and named else ""
    where = f" offset {named}{more}" if named else ""
    detail = f" ({shown(finding.detail)})" if finding.detail else ""
    return (
        f"{finding.kind:<10} {finding.count:,} in {shown(finding.where)}, partition {finding.partition}{where}{detail}"
    )
