"""Joins what sequence rules say to what both ways said: whoever broke one is odd, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.base import REASON
from stillwell.kernel.flags import Flags
from stillwell.kernel.prepare import one_array
from stillwell.kernel.reasons import Explainer, repeated
from stillwell.kernel.rows import Odd, together
from stillwell.kernel.sequence.history import BROKEN, UNJUDGED, Said
from stillwell.kernel.sequence.rules import Step, expected
from stillwell.kernel.sql import OWN
from stillwell.kernel.ways import Both, Ways


def unjudged(both: Both, steps: Sequence[Step]) -> Both:
    """Both ways' verdicts where there is no history that records could be compared with."""
    count = len(both.plain)
    nothing = {step.name: np.full(count, UNJUDGED, np.uint8) for step in steps}
    good = both.plain.copy()
    good[both.odd.rows] = ~both.odd.rejected
    return settled(both, Said(good, nothing, {}), steps, None)


def settled(both: Both, said: Said, steps: Sequence[Step], ways: Ways | None) -> Both:
    """The verdicts of both ways and of the sequence rules on n records as one."""
    broken = np.zeros(len(both.plain), bool)
    for step in steps:
        broken |= said.verdicts[step.name] == BROKEN
    plain, odd = both.plain & ~broken, both.odd
    passed = both.passed
    if ways is not None and (more := both.plain & broken).any():
        chosen = pa.array(broken[both.plain])
        odd = together(odd, ways.known.good(np.flatnonzero(more), passed.filter(chosen)))
        passed = passed.filter(pc.invert(chosen))
    for step in steps:
        judged = said.verdicts[step.name][plain] != UNJUDGED
        passed = passed.append_column(f"{OWN}evaluated_{step.name}", pa.array(judged))
    return Both(passed, plain, _judged(odd, said, steps, ways.explainer if ways else None))


def _judged(odd: Odd, said: Said, steps: Sequence[Step], explainer: Explainer | None) -> Odd:
    failed, skipped = dict(odd.flags.failed), dict(odd.flags.unjudged)
    rejected, noted = odd.rejected.copy(), odd.noted.copy()
    parts: list[tuple[npt.NDArray[np.int64], pa.StructArray]] = []
    for step in steps:
        verdicts = said.verdicts[step.name][odd.rows]
        failed[step.name], skipped[step.name] = verdicts == BROKEN, verdicts == UNJUDGED
        if explainer is not None and failed[step.name].any():
            places = np.flatnonzero(failed[step.name])
            before = said.before[step.name][odd.rows[places]]
            parts.append((places, _reasons(step, explainer, odd.result.take(pa.array(places)), before)))
            (noted if step.severity == "warn" else rejected)[places] = True
    return replace(
        odd,
        flags=Flags(odd.flags.size, failed, skipped, odd.flags.repaired),
        reasons=_appended(odd.reasons, parts),
        rejected=rejected,
        noted=noted,
    )


def _reasons(step: Step, explainer: Explainer, records: pa.Table, before: npt.NDArray[np.int64]) -> pa.StructArray:
    """Why each of these records broke a rule, of which `before` are the bits of what they were compared with."""
    rule = next(one for one in explainer.rules if one.name == step.name)
    count, shown = len(before), expected(step, before)
    columns = [one_array(records[field].cast(pa.string())) for field in rule.fields]
    seen = pa.nulls(count, pa.string())
    if columns:
        join = pc.JoinOptions(null_handling="replace", null_replacement="null")
        seen = pc.binary_join_element_wise(*columns, ", ", options=join)
    hidden = explainer.hides(rule)
    members = [
        *(repeated(text, count) for text in (rule.name, ",".join(rule.fields), rule.severity)),
        explainer.masked(rule, seen),
        repeated(rule.expected, count) if hidden else shown,
    ]
    return pa.StructArray.from_arrays(members, fields=list(REASON))


def _appended(lists: pa.ListArray, parts: Sequence[tuple[npt.NDArray[np.int64], pa.StructArray]]) -> pa.ListArray:
    """Lists by row, with more entries at the end of some."""
    if not parts:
        return lists
    owners = [np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy()), *(rows for rows, _ in parts)]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    entries = pa.concat_arrays([lists.flatten(), *(entries for _, entries in parts)]).take(pa.array(order))
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum(np.bincount(owner, minlength=len(lists)), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), entries)
