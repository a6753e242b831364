"""The full way: one query that decodes, parses, repairs and judges every rule of every record it is given.

It is complete and makes no assumption about its records; `plain` only proves that most records need not come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from stillwell.contract.model import Contract, Expression, Field, RecordRule
from stillwell.contract.rules import Rule
from stillwell.kernel.chain import Chain, Verdicts
from stillwell.kernel.decode import OK, TEXT, Decoder, locate
from stillwell.kernel.native import Native, NativeChain, native
from stillwell.kernel.sql import Levels, name, own

SIZE = own("size")
"""The length of the payload in bytes, NULL for a null payload."""


@dataclass(frozen=True)
class Full:
    """The query over the relation `odd`, and the columns of its result, by rule name and by field name."""

    sql: str
    verdicts: Verdicts
    others: str | None


def full_query(
    contract: Contract, decoder: Decoder, rules: tuple[Rule, ...], record: pa.StructType | None = None
) -> Full:
    """Compile the contract for one decoder; `record` are the columns of records that are typed already.

    Input columns: `_stillwell_now`, `_stillwell_size`, the payload as the decoder wants it, and the
    envelope. Output: every field under its own name, and one column for each entry of `verdicts`.
    """
    levels, read = Levels("odd"), partial(native, record=record) if record is not None else _no_native
    verdicts, others = judgement(levels, contract, decoder, rules, read, typed=record is not None)
    columns = [*(name(field.name) for field in contract.fields), *given(hashes(contract)), *named(verdicts)]
    columns += [others] if others else []
    return Full(levels.select(columns), verdicts, others)


def judgement(
    levels: Levels,
    contract: Contract,
    decoder: Decoder,
    rules: tuple[Rule, ...],
    read: Callable[[Field], Native | None],
    *,
    typed: bool,
) -> tuple[Verdicts, str | None]:
    """Add the levels that judge: the columns of all verdicts, and of what the contract does not declare (or None).

    `read` says of a field how it is taken from a typed column, where it can be.
    """
    verdicts = Verdicts()
    decoder.prepare(levels)
    _payload_rules(levels, verdicts, typed=typed)
    _fields(contract, decoder, levels, verdicts, read)
    for rule in contract.rules:
        _record_rule(rule, levels, verdicts)
    others = None
    if contract.other_fields != "ignore":
        others = levels.add(levels.depth, own("others"), decoder.others())
        if contract.other_fields != "keep":
            verdicts.failed["other_fields"] = levels.add(
                levels.depth, own("failed_others"), f"CASE WHEN {OK} THEN {others} IS NOT NULL END"
            )
            verdicts.seen["other_fields"] = others
    _refuse_unknown(rules, verdicts)
    return verdicts, others


def named(verdicts: Verdicts) -> list[str]:
    """The columns of verdicts under the names by which they are found in a result."""
    return [
        f"{column} AS {own(part + '_' + rule)}"
        for part in ("failed", "repaired", "before", "seen", "item")
        for rule, column in getattr(verdicts, part).items()
    ]


def _no_native(_: Field) -> None:
    return None


def hashes(contract: Contract) -> dict[str, str]:
    """SQL of the columns `hash_<field>` of texts, from which the tally estimates distinct counts."""
    return {f"hash_{field.name}": f"hash({name(field.name)})" for field in contract.fields if field.type == "string"}


def given(columns: Mapping[str, str]) -> list[str]:
    """SQL of columns, each under a name of ours."""
    return [f"{sql} AS {own(column)}" for column, sql in columns.items()]


def _payload_rules(levels: Levels, verdicts: Verdicts, *, typed: bool) -> None:
    if typed:
        verdicts.failed["payload.empty"] = levels.add(2, own("empty"), f"NOT {OK}")
        return
    empty = f"{SIZE} IS NULL OR {SIZE} = 0"
    verdicts.failed["payload.empty"] = levels.add(2, own("empty"), empty)
    verdicts.failed["payload.encoding"] = levels.add(
        2, own("encoding"), f"CASE WHEN NOT ({empty}) THEN {TEXT} IS NULL END"
    )
    verdicts.failed["payload.format"] = levels.add(
        2, own("format"), f"CASE WHEN NOT ({empty}) AND {TEXT} IS NOT NULL THEN NOT {OK} END"
    )


def _fields(
    contract: Contract,
    decoder: Decoder,
    levels: Levels,
    verdicts: Verdicts,
    read: Callable[[Field], Native | None],
) -> None:
    """First the fields that are read, then (from the next level on) those that are computed from them."""
    for field in contract.fields:
        if field.value is not None:
            continue
        taken = NativeChain(field, f"{field.name}.", levels, 2, verdicts)
        chain: Chain = taken
        found = read(field)
        if found:
            taken.take(found, OK)
        else:
            chain.run(locate(field, decoder), OK)
        levels.add(max(chain.level, 3), name(field.name), chain.value)
    for field in contract.fields:
        if field.value is not None:
            chain = Chain(field, f"{field.name}.", levels, levels.depth, verdicts)
            chain.compute(field.value.sql, OK)
            levels.add(chain.level, name(field.name), chain.value)


def _record_rule(rule: RecordRule, levels: Levels, verdicts: Verdicts) -> None:
    level = levels.depth
    verdicts.failed[rule.name] = levels.add(level, own("rule_" + rule.name), rule_failed(rule))
    shown = ", ".join(f"{name(field)} := {name(field)}" for field in rule_fields(rule))
    seen = f"CAST(to_json(struct_pack({shown})) AS VARCHAR)" if shown else "CAST(NULL AS VARCHAR)"
    # Writing JSON is dear, and only a broken rule shows what it saw.
    seen = f"CASE WHEN {verdicts.failed[rule.name]} THEN {seen} END"
    verdicts.seen[rule.name] = levels.add(level + 1, own("shown_" + rule.name), seen)


def rule_fields(rule: RecordRule) -> list[str]:
    """The top-level fields that a record rule reads."""
    expressions: list[Expression] = [rule.expect, *([rule.where] if rule.where else [])]
    return list(dict.fromkeys(field for one in expressions for field in one.fields if field != "now"))


def rule_kept(rule: RecordRule) -> str:
    """SQL of what a record rule expects: NULL when it is not evaluated."""
    # An expression that cannot be computed (an overflow, say) is as NULL.
    kept = f"TRY({rule.expect.sql})"
    return f"coalesce({kept}, false)" if rule.if_null == "fail" else kept


def rule_failed(rule: RecordRule) -> str:
    """SQL of a record rule: true when broken, false when kept, NULL when not evaluated."""
    applies = OK if rule.where is None else f"{OK} AND TRY({rule.where.sql})"
    return f"CASE WHEN {applies} THEN NOT {rule_kept(rule)} END"


def _refuse_unknown(rules: tuple[Rule, ...], verdicts: Verdicts) -> None:
    """Law 5: a rule that the contract has and the query has not would be a silent skip."""
    forgotten = [rule.name for rule in rules if rule.name not in verdicts.failed and rule.kind not in _ELSEWHERE]
    if forgotten:
        raise AssertionError(f"the kernel compiled no judgement for {', '.join(forgotten)}")


_ELSEWHERE = {"encoding", "format", "empty", "sequence"}
