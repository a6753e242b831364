"""Reads the SQL expressions of rules: one expression over one record, with listed functions and known fields only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError, UnsupportedError

from stillwell.contract.functions import CLOCKS, FUNCTIONS, VOLATILE
from stillwell.contract.model import Expression, Field, Lookup
from stillwell.contract.pattern import pattern
from stillwell.contract.scalars import Unreadable
from stillwell.errors import did_you_mean, nearest

NOW = "_stillwell_now"
"""What `now` becomes: a column with the record's ingest time."""

_TYPES = frozenset({"decimal", "numeric", "varchar", "char", "text", "timestamp"})
_WORDS = frozenset(
    {
        "and", "or", "not", "in", "when", "then", "else", "case", "between", "is", "like", "ilike", "from", "escape",
        "interval", "end",
    }
)  # fmt: skip

_STRUCTURE = (
    exp.Column, exp.Identifier, exp.Dot, exp.Bracket, exp.Slice, exp.Literal, exp.Boolean, exp.Null, exp.Paren,
    exp.Not, exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv,
    exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam,
    exp.Interval, exp.Var, exp.Array, exp.AtTimeZone, exp.JSONPath, exp.JSONPathPart,
)  # fmt: skip
_NOT_BOOLEAN = (exp.Literal, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Interval)
_REGEX = ("regexp_matches", "regexp_full_match", "regexp_extract", "regexp_replace")

_DUCKDB = sqlglot.Dialect.get_or_raise("duckdb")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an expression, at the character (from 1) where it stands."""

    what: str
    fix: str
    character: int
    code: str = "bad-expression"


class BadExpression(ValueError):
    """A text that is no expression for a rule, with all its faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        by_place: dict[int, Fault] = {}
        for fault in faults:
            by_place.setdefault(fault.character, fault)
        self.faults = tuple(by_place[character] for character in sorted(by_place))
        super().__init__("; ".join(fault.what for fault in self.faults))


@dataclass(frozen=True)
class Scope:
    """What an expression may name: the fields and the lookups of a contract; `now` besides."""

    fields: Sequence[Field] = ()
    lookups: Sequence[Lookup] = ()
    lines: dict[str, int] = field(default_factory=dict)


def parse(text: str, scope: Scope, *, boolean: bool = True) -> Expression:
    """The expression that `text` is; with `boolean`, one that is true or false.

    Raises:
        BadExpression: with every fault found.
    """
    try:
        tokens = _DUCKDB.tokenize(text)
        faults = [*_calls(tokens), *_patterns(tokens)]
        tree = _tree(tokens, text)
        faults += _structure(tree)
        names = _Names(scope)
        faults += names.settle(tree)
        if boolean and not faults:
            faults += _truth(tree, scope)
        if faults:
            raise BadExpression(faults)
        sql = tree.sql(dialect="duckdb", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (TokenError, UnsupportedError, RecursionError) as error:
        what = (
            "There is a quote that is not closed."
            if isinstance(error, TokenError)
            else f"This cannot be read: {error}."
        )
        raise BadExpression([Fault(what, "Write one SQL expression.", 1)]) from None
    return Expression(sql, tuple(names.fields), tuple(names.lookups))


def _tree(tokens: list[Token], text: str) -> exp.Expr:
    try:
        trees = _DUCKDB.parser(error_level=ErrorLevel.IMMEDIATE).parse_into(exp.Condition, tokens, text)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        before, seen = first.get("start_context") or "", first.get("highlight") or ""
        character = max(text.find(before + seen), 0) + len(before) + 1
        what = f"This is not one expression: it breaks at `{seen}`." if seen else "There is no expression."
        raise BadExpression([Fault(what, "Write one SQL expression over fields.", character)]) from None
    except SqlglotError as error:
        raise BadExpression([Fault(f"This is not an expression: {error}.", "Write one SQL expression.", 1)]) from None
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1:
        what = "Here stand several expressions." if found else "There is no expression."
        raise BadExpression([Fault(what, "Write exactly one; join conditions with `and`.", text.find(";") + 2)])
    return found[0]


def _calls(tokens: Sequence[Token]) -> Iterator[Fault]:
    """What is called and not listed; read from the tokens, so that the list holds what people write."""
    for token, after in zip(tokens, [*tokens[1:], None], strict=False):
        name = token.text.lower()
        if token.token_type == TokenType.TILDE:
            yield Fault("`~` is not portable.", "Use regexp_full_match(a, b).", token.start + 1)
        called = after is not None and after.token_type == TokenType.L_PAREN
        word = name.isidentifier() and token.token_type not in (TokenType.STRING, TokenType.NUMBER)
        if token.token_type in _DUCKDB.parser_class.NO_PAREN_FUNCTIONS or (word and called and name in VOLATILE):
            fix = "`now` (without brackets) is the record's ingest time." if name in CLOCKS else "Leave it out."
            yield Fault(f"`{name}` gives another answer each time.", fix, token.start + 1, "unknown-function")
        elif word and called and name not in FUNCTIONS | _TYPES | _WORDS:
            yield Fault(
                f"There is no function `{name}` for rules.", _instead(name), token.start + 1, "unknown-function"
            )


def _instead(name: str) -> str:
    close = nearest(name, FUNCTIONS)
    return f"Did you mean `{close}`?" if close else "A rule sees one record: use fields and listed functions."


def _patterns(tokens: Sequence[Token]) -> Iterator[Fault]:
    """Regular expressions must be constants, so that none can fail while records flow."""
    for index, token in enumerate(tokens):
        if token.text.lower() not in _REGEX or token.token_type == TokenType.STRING:
            continue
        depth, second = 0, None
        for position, other in enumerate(tokens[index + 1 :], index + 1):
            depth += (other.token_type == TokenType.L_PAREN) - (other.token_type == TokenType.R_PAREN)
            if depth == 0:
                break
            if depth == 1 and other.token_type == TokenType.COMMA:
                second = tokens[position + 1] if position + 1 < len(tokens) else None
                break
        if second is None or second.token_type != TokenType.STRING:
            what = f"The pattern of `{token.text.lower()}` is not a constant."
            yield Fault(what, "Write it as a text in single quotes.", (second or token).start + 1)
            continue
        try:
            pattern(second.text)
        except Unreadable as error:
            yield Fault(error.what, error.fix, second.start + 1)


def _structure(tree: exp.Expr) -> Iterator[Fault]:
    """What no rule may hold: subqueries, aggregates, windows, placeholders, casts that can fail."""
    for node in tree.walk(prune=lambda one: isinstance(one, exp.Query | exp.Window | exp.AggFunc)):
        character = _start(node) + 1
        if isinstance(node, exp.Query | exp.Exists | exp.Table):
            yield Fault("A rule cannot hold a subquery.", "Compare with a lookup: `lookup.column`.", character)
        elif isinstance(node, exp.AggFunc | exp.Window):
            fix = "Use a rule under `windows` or `sequence`."
            yield Fault("A rule sees one record, no aggregate and no window.", fix, character)
        elif (
            isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast) and not isinstance(node.this, exp.Literal)
        ):
            fix = "Write `try_cast(… as …)`, which gives null."
            yield Fault("A cast can fail while records flow.", fix, character)
        elif isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier):
            yield Fault("A function cannot follow a dot.", "Write `f(x)`.", character)
        elif not isinstance(node, (*_STRUCTURE, exp.Func)) or isinstance(node, exp.Collate):
            yield Fault(f"A rule cannot hold {type(node).__name__}.", "Write it without.", character)


class _Names:
    """Finds the field or lookup behind each name and spells it as the contract does."""

    def __init__(self, scope: Scope) -> None:
        self._fields = {one.name.lower(): one for one in scope.fields}
        self._lookups = {one.name.lower(): one for one in scope.lookups}
        self._lines = scope.lines
        self.fields: dict[str, None] = {}
        self.lookups: dict[str, None] = {}

    def settle(self, tree: exp.Expr) -> Iterator[Fault]:
        """Spell every name; give what has no meaning. Fields and lookups are known once this is exhausted."""
        if isinstance(tree, exp.Query):
            return
        for column in list(tree.find_all(exp.Column, bfs=False)):
            if column.find_ancestor(exp.Query) is not None:
                continue
            steps = [part for part in _steps(column) if isinstance(part, exp.Identifier | exp.Bracket)]
            first = steps[0]
            if not isinstance(first, exp.Identifier):
                continue
            yield from self._settle_one(first, steps[1:])

    def _settle_one(self, first: exp.Identifier, rest: list[exp.Identifier | exp.Bracket]) -> Iterator[Fault]:
        name = first.name.lower()
        if name in self._fields:
            self.fields[self._fields[name].name] = None
            yield from self._descend(self._fields[name], first, rest)
        elif name in self._lookups:
            lookup = self._lookups[name]
            self.lookups[lookup.name] = None
            first.set("this", lookup.name)
            top = Field(lookup.name, "object", fields=lookup.fields)
            if not rest:
                what = f"`{lookup.name}` is a lookup, not a value."
                yield Fault(what, f"Name a column: `{lookup.name}.…`.", _start(first) + 1, "unknown-field")
            yield from self._descend(top, first, rest)
        elif name == "now" and not rest:
            first.set("this", NOW)
        else:
            known = [one.name for one in self._fields.values()] + [one.name for one in self._lookups.values()]
            yield self._unknown(first, known, f"There is no field `{first.name}`.")

    def _descend(self, one: Field, step: exp.Identifier, rest: list[exp.Identifier | exp.Bracket]) -> Iterator[Fault]:
        step.set("this", one.name)
        for after in rest:
            if isinstance(after, exp.Bracket):
                if one.type == "array" and one.items is not None:
                    one = one.items
                    continue
                return
            children = {child.name.lower(): child for child in one.fields}
            if after.name.lower() not in children:
                what = f"`{one.name or 'The item'}` is of type {one.type} and has no part `{after.name}`."
                yield self._unknown(after, [child.name for child in one.fields], what)
                return
            one = children[after.name.lower()]
            after.set("this", one.name)

    def _unknown(self, identifier: exp.Identifier, known: Sequence[str], what: str) -> Fault:
        close = nearest(identifier.name, known)
        line = f" (line {self._lines[close]})" if close in self._lines else ""
        fix = (
            f"Nearest: `{close}`{line}."
            if close
            else did_you_mean(identifier.name, known)
            if known
            else "Leave it out."
        )
        return Fault(what, fix, _start(identifier) + 1, "unknown-field")


def _steps(column: exp.Column) -> Iterator[exp.Expr]:
    """The parts of a name from left to right, with the brackets between them."""
    yield from (part for part in column.parts)
    node: exp.Expr = column
    while isinstance(node.parent, exp.Dot | exp.Bracket) and node.parent.this is node:
        node = node.parent
        yield node if isinstance(node, exp.Bracket) else node.expression


def _truth(tree: exp.Expr, scope: Scope) -> Iterator[Fault]:
    inner = tree.unnest()
    types = {one.name: one.type for one in scope.fields}
    column = isinstance(inner, exp.Column) and len(inner.parts) == 1 and types.get(inner.name, "boolean") != "boolean"
    if column or (isinstance(inner, _NOT_BOOLEAN) and not isinstance(inner, exp.Boolean)):
        fix = "Compare it with something, for example `> 0`."
        yield Fault("This is a value, neither true nor false.", fix, _start(tree) + 1, "wrong-type")


def _start(node: exp.Expr) -> int:
    """The character (from 0) where the first thing of `node` that knows its place stands."""
    starts = [one.meta["start"] for one in node.walk() if "start" in one.meta]
    return min(starts, default=0)
