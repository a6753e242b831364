"""The answer of a check as people read it: broken rules first, then one line that says whether it passed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from stillwell.cli._contract import DEFAULT, title
from stillwell.cli._data import STDIN, placed
from stillwell.cli.base import Outcome, Output, shown
from stillwell.cli.check.answer import Answer, RuleFound
from stillwell.cli.check.found import Sample
from stillwell.contract.model import Contract, Now

_LONGEST = 60
_NAMED = 3


@dataclass(frozen=True)
class _Row:
    mark: str
    style: str
    rule: str
    severity: str
    count: int
    examples: list[str]


def lines(answer: Answer, output: Output) -> Iterator[str]:
    """All lines of the answer."""
    found = answer.found
    data = shown(answer.data[0]) if len(answer.data) == 1 else f"{len(answer.data):,} files"
    by = title(answer.contract)
    if answer.suggested:
        by = f"no {DEFAULT} here: what the data suggests{by}"
    yield f"{shown(by)} judges {data} · {_so_many(found.read, 'record')} · {answer.seconds:.1f} s"
    if asks_the_clock(answer.contract):
        yield output.paint(
            f"now is {answer.clock:%Y-%m-%dT%H:%M:%SZ}" + ("" if answer.told else "; --as-of TIME says another"), "dim"
        )
    rules = list(answer.rules())
    rows = sorted(_rows(rules, answer), key=lambda row: ("✗!~".index(row.mark), -row.count))
    yield from _table(rows, found.read, output)
    for whole in answer.found.table:
        if not whole.holds:
            bad = whole.rule.severity == "fail"
            seen = f"saw {whole.observed:,.6g}, expected {whole.rule.limits.describe()}"
            mark = output.paint("✗" if bad else "!", "bad" if bad else "warn")
            yield f"{mark} table.{whole.rule.name}  {whole.rule.severity}  {whole.rule.measure}: {seen}"
    unmeasured = [f"table.{one.rule.name}" for one in answer.found.table if one.observed is None]
    if unmeasured:
        yield f"– nothing to measure: {', '.join(unmeasured)}"
    skipped = [one.rule.name for one in rules if one.not_evaluated == found.read and found.read]
    if skipped:
        named = [*skipped[:_NAMED], *(["…"] if len(skipped) > _NAMED else [])]
        yield f"– {_so_many(len(skipped), 'rule')} not evaluated, for want of a value: {', '.join(named)}"
    passed: list[object] = [one for one in answer.found.table if one.holds and one.observed is not None]
    passed += [one for one in rules if not one.failed and not one.repaired and one.not_evaluated < found.read]
    if passed:
        yield f"{output.paint('✓', 'good')} {_so_many(len(passed), 'rule')} passed"
    yield _verdict(answer, output)
    yield from _hints(answer)
    if answer.cells:
        yield f"cells: {_so_many(answer.flagged, 'flagged cell')} in {shown(str(answer.cells))}"
    yield _kept(answer)


def asks_the_clock(contract: Contract) -> bool:
    """Whether a verdict of this contract can depend on what `now` is."""
    limits = [level.limits for field in contract.fields for _, _, level in field.levels()]
    bounds = [bound for one in limits for bound in (one.min, one.max, one.above, one.below)]
    expressions = [one for rule in contract.rules for one in (rule.expect, rule.where) if one]
    expressions += [field.value for field in contract.fields if field.value]
    return any(isinstance(bound, Now) for bound in bounds) or any("now" in one.fields for one in expressions)


def _rows(rules: list[RuleFound], answer: Answer) -> Iterator[_Row]:
    several = len(answer.data) > 1
    for one in rules:
        name = one.rule.name
        if one.failed:
            mark, style = ("!", "warn") if one.rule.severity == "warn" else ("✗", "bad")
            examples = [_example(sample, several) for sample in answer.found.samples.get(name, ())]
            yield _Row(mark, style, name, one.rule.severity, one.failed, examples)
        if one.repaired:
            examples = [_example(sample, several) for sample in answer.found.repairs.get(name, ())]
            yield _Row("~", "dim", name, "repaired", one.repaired, examples)


def _so_many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _table(rows: list[_Row], read: int, output: Output) -> Iterator[str]:
    if not rows:
        return
    rule = max(4, *(len(row.rule) for row in rows))
    count = max(6, *(len(f"{row.count:,}") for row in rows))
    beside = all(len(one) + rule + count + 26 <= output.width for row in rows for one in row.examples)
    yield f"  {'rule':<{rule}}  severity  {'failed':>{count}}     share" + ("  example" if beside else "")
    for row in rows:
        mark = output.paint(row.mark, row.style)
        head = f"{mark} {row.rule:<{rule}}  {row.severity:<8}  {row.count:>{count},}  {100 * row.count / read:6.2f} %"
        first, *more = row.examples or [""]
        if beside:
            yield f"{head}  {first}".rstrip()
            yield from (" " * (rule + count + 26) + one for one in more)
        else:
            yield head
            yield from (f"    {one}" for one in row.examples)


def _example(sample: Sample, several: bool) -> str:
    where = (f"{shown(sample.data)} " if several else "") + placed(sample.place)
    seen = "nothing" if sample.seen is None else _short(sample.seen)
    if sample.expected is None:
        return f"{where}: was {seen}"
    return f"{where}: saw {seen}, expected {_short(sample.expected)}"


def _short(text: str) -> str:
    text = shown(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _verdict(answer: Answer, output: Output) -> str:
    found = answer.found
    notes = [f"{count:,} {what}" for count, what in ((answer.warned, "warned"), (answer.repaired, "repaired")) if count]
    accepted = f"accepted {found.accepted:,}" + (f" ({', '.join(notes)})" if notes else "")
    text = f"{accepted} + quarantined {found.quarantined:,} = {found.read:,}"
    if found.several:
        text += f"   ({_so_many(found.several, 'record')} broke several rules)"
    if answer.tolerated and found.quarantined:
        text += f"   ({100 * answer.rejected:.2f} % rejected, {100 * answer.tolerated:g} % tolerated)"
    if answer.unreadable:
        text += f"   ({_so_many(len(answer.unreadable), 'file')} could not be read)"
        return f"{output.paint('COULD NOT TELL', 'bad')}  {text}"
    if answer.outcome is Outcome.NO:
        return f"{output.paint('FAILED', 'bad')}  {text}"
    broken = any(not one.holds for one in answer.found.table)
    good = not answer.warned and found.read and not broken
    word, style = ("PASSED", "good") if good else ("PASSED with warnings", "warn")
    return f"{output.paint(word, style)}  {text}"


def _hints(answer: Answer) -> Iterator[str]:
    """What most probably is meant, where a whole file is not what it seems."""
    found = answer.found
    if answer.suggested:
        named = shlex.quote(shown(answer.data[0])) if len(answer.data) == 1 else "…"
        named = "-" if answer.data == (STDIN,) else named
        yield f"→ That is what is usual here; to read and edit it: stillwell suggest {named} > {DEFAULT}"
    if answer.contract.windows:
        named = ", ".join(window.name for window in answer.contract.windows)
        yield f"– windows {named}: not judged here: event time goes on in a run alone (stillwell run)"
    if not found.read:
        yield "! nothing was judged: there is no record"
    broken = next((one.failed for one in answer.rules() if one.rule.name == "payload.format"), 0)
    if broken and broken * 10 >= found.read * 9 and found.formats == {"json"}:
        yield "→ Each line must be one JSON object: write a document as lines first, for example by jq -c '.[]'."
    elif broken and broken * 10 >= found.read * 9:
        yield "→ Most lines do not have as many cells as the header: see whether it, or the --delimiter, is right."
    elif not answer.suggested and found.read and _all_null(answer):
        yield "→ No record has any field of the contract: see whether the names, or the --delimiter, are right."


def _all_null(answer: Answer) -> bool:
    """Whether no record has a value in any field: then there was nothing whose type could be judged."""
    fields = answer.contract.fields
    types = [answer.found.rules.get(f"{field.name}.type") for field in fields]
    return bool(types) and all(one is not None and one.not_evaluated == answer.found.read for one in types)


def _kept(answer: Answer) -> str:
    code = f"exit {int(answer.outcome)}"
    if answer.quarantine:
        return f"quarantine: {_so_many(answer.found.quarantined, 'record')} in {shown(str(answer.quarantine))}   {code}"
    return f"quarantine: not kept; add --quarantine rejects.jsonl   {code}" if answer.found.quarantined else code
