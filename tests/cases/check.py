"""Holds the outcome of a case against what its file expects."""

from __future__ import annotations

from typing import Any

from tests.cases.case import Case
from tests.cases.outcome import Outcome, missing


def unmet(case: Case, found: Outcome) -> list[str]:
    """What does not hold; also whether each record is there, and whether the ledger conserves them."""
    wrong = []
    for place, told in case.expected.get("records", {}).items():
        wrong += _record(place, told, found["records"].get(place))
    wrong += missing(case.expected.get("ledger", {}), found["ledger"], "ledger")
    last = max(run.upto for run in case.runs)
    if len(found["records"]) != last:
        wrong.append(f"{len(found['records'])} records of {last} are there")
    for partition, sums in found["ledger"].items():
        if sums["read"] != sums["accepted"] + sums["quarantined"]:
            wrong.append(f"partition {partition} is not conserved: {sums}")
    if found["tally"].get("read") != last:
        wrong.append(f"the tally counts {found['tally'].get('read')} of {last}")
    tally = dict(case.expected.get("tally", {}))
    failed = {name: counts[0] for name, counts in found["tally"].get("rules", {}).items() if counts[0]}
    if "rules" in tally and tally.pop("rules") != failed:
        wrong.append(f"the tally says of rules: {failed}")
    if len(found["stops"]) != case.expected.get("stops", 0):
        wrong.append(f"stopped by {found['stops']}")
    return wrong + missing(tally, found["tally"], "tally")


def _record(place: str, told: Any, record: dict[str, Any] | None) -> list[str]:
    told = {told: None} if isinstance(told, str) else dict(told)
    if record is None:
        return [f"{place} is lost"]
    trace, verdict = record["_stillwell"], "quarantined" if "quarantined" in told else "accepted"
    if record["verdict"] != verdict:
        return [f"{place} was {record['verdict']}: {record.get('reasons')}"]
    said: dict[str, Any] = {"by": trace["version"]}
    if verdict == "quarantined":
        said["quarantined"] = [one["rule"] for one in record["reasons"]]
    else:
        said["warned"] = [one["rule"] for one in trace["warnings"] or ()]
        said["repaired"] = {one["rule"]: one["before"] for one in trace["repairs"] or ()}
        said["accepted"] = record
    expected = {name: one for name, one in told.items() if one is not None}
    if verdict == "accepted":
        expected = {"warned": [], "repaired": {}, **expected}
    return missing(expected, said, place)
