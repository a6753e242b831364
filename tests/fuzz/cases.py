"""A case: a contract, a format and a batch, drawn at random from one number, kept in a file, and judged both ways."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from stillwell.contract.model import Contract, Field
from stillwell.kernel import Format, Judged, Kernel
from tests.fuzz import contracts, payloads, slow
from tests.fuzz.contracts import Spec
from tests.kernel.records import CLOCK, Outcome, outcomes
from tests.kernel.reference import Json, Word


@dataclass(frozen=True)
class Case:
    """What is judged: `spec` is the contract as plain data, `table` the batch (`stillwell.kernel.base`)."""

    name: str
    spec: Spec
    form: Format
    table: pa.Table

    @property
    def contract(self) -> Contract:
        return contracts.load(self.spec)

    def records(self) -> list[Any]:
        """Payloads, or typed records as plain data."""
        return self.table["record" if "record" in self.table.column_names else "payload"].to_pylist()


@dataclass(frozen=True)
class Difference:
    """Where kernel and reference say different things of the record at a place of the batch."""

    case: str
    place: int
    record: Any
    kernel: Outcome
    reference: Outcome

    def __str__(self) -> str:
        return f"{self.case}, record {self.place}: {self.record!r}\n  kernel    {self.kernel}\n  reference {self.reference}"


def drawn(seed: int | str, count: int) -> Case:
    """The case of a seed, the same one every time, with this many records."""
    return grown(random.Random(str(seed)), count, str(seed))


def grown(draw: random.Random, count: int, name: str = "case", fill: random.Random | None = None) -> Case:
    """A case from whatever decides: the contract from `draw`, the records from `fill` where that is given."""
    kind = draw.choice(["json", "json", "json", "csv", "typed"])
    spec = contracts.contract(draw, kind)
    form = payloads.form(draw, spec) if kind == "csv" else Format("arrow" if kind == "typed" else "json")
    fill = fill or draw
    if kind == "typed":
        return Case(name, spec, form, stream(fill, count, {"record": payloads.typed_records(fill, spec, count)}))
    if kind == "csv":
        records = [payloads.csv_record(fill, spec, form) for _ in range(count)]
    else:
        records = [payloads.json_record(fill, spec) for _ in range(count)]
    return Case(name, spec, form, stream(fill, count, {"payload": pa.array(records, pa.binary())}))


def stream(draw: random.Random, count: int, columns: dict[str, Any]) -> pa.Table:
    """A batch of these records over some partitions, with or without the optional parts of the envelope."""
    partitions = draw.choice([1, 1, 3, 40])
    columns["partition"] = pa.array([draw.randrange(partitions) for _ in range(count)], pa.int32())
    first, step = draw.choice([0, 7, 2**40]), draw.choice([1, 3])
    columns["offset"] = pa.array([first + step * place for place in range(count)], pa.int64())
    if draw.random() < 0.5:
        keys = [draw.choice([None, b"s_001", b"12", b"abc", b"\xff", b""]) for _ in range(count)]
        columns["key"] = pa.array(keys, pa.binary())
    if draw.random() < 0.3:
        columns["topic"] = pa.array([draw.choice([None, "north", "12.5"]) for _ in range(count)], pa.string())
    if draw.random() < 0.3:
        times = [draw.choice([None, CLOCK, CLOCK + dt.timedelta(days=9, microseconds=1)]) for _ in range(count)]
        columns["ingest_time"] = pa.array(times, pa.timestamp("us", tz="UTC"))
    return pa.table(columns)


def judged(case: Case, **options: Any) -> Judged:
    """What the kernel says."""
    kernel = Kernel(case.contract, format=case.form, threads=options.pop("threads", 1), **options)
    try:
        return kernel.judge(case.table, CLOCK)
    finally:
        kernel.close()


def differences(case: Case, said: Judged) -> list[Difference]:
    """The records of which the reference says something else than was said."""
    contract = case.contract
    expected = slow.outcomes(case.spec, contract, case.table, case.form)
    hidden = {one.name for one in contract.fields if _hidden(one)}
    found = []
    for place, (kernel, reference) in enumerate(zip(outcomes(said), expected, strict=True)):
        if reference is not None and not same(contract, kernel, reference, hidden):
            found.append(Difference(case.name, place, case.records()[place], kernel, reference))
    return found


def _hidden(one: Field) -> bool:
    """Whether a value before a repair is masked, or JSON text."""
    return one.sensitive is not None or bool(one.fields) or one.items is not None or one.type == "json"


def same(contract: Contract, kernel: Outcome, reference: Outcome, hidden: set[str]) -> bool:
    """Whether both say the same of a record: verdict, rules, values, repairs with the value before."""
    if (kernel.verdict, kernel.rules) != (reference.verdict, reference.rules):
        return False
    if {rule for rule, _ in kernel.repairs} != {rule for rule, _ in reference.repairs}:
        return False
    said = {rule: before(text) for rule, text in kernel.repairs}
    for rule, value in reference.repairs:
        shown = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
        if shown and rule.split(".")[0] not in hidden and said[rule] != before(value):
            return False
    return _values(contract, kernel.values, _written_json) == _values(contract, reference.values, _read)


def before(text: Any) -> Any:
    """A value before a repair in a form that both write alike."""
    try:
        number = Decimal(str(text))
    except ArithmeticError:
        return text
    return number if number.is_finite() else text


def _values(contract: Contract, values: dict[str, Any] | None, json_value: Callable[[Any], Any]) -> Any:
    """Values with JSON as what it means, however it is written."""
    if values is None:
        return None
    plain = {one.name: _plain(one, values[one.name], json_value) for one in contract.fields}
    if slow.OTHERS in values:
        plain[slow.OTHERS] = json_value(values[slow.OTHERS])
    return plain


def _plain(one: Field, value: Any, json_value: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    if one.type == "json":
        return json_value(value)
    if one.type == "object":
        return {child.name: _plain(child, value[child.name], json_value) for child in one.fields}
    if one.type == "array" and one.items is not None:
        return [_plain(one.items, item, json_value) for item in value]
    return value


def _written_json(value: str | None) -> Any:
    """What JSON text of the kernel means."""
    return None if value is None else _read(Json(value).read())


def _read(value: Any) -> Any:
    """JSON as the reference reads it in plain values, numbers as doubles: however they are written, they mean the same."""
    if isinstance(value, Word):
        return None if value.text == "null" else value.text.lower() if value.text[-1:].isalpha() else float(value.text)
    if isinstance(value, dict):
        return {name: _read(one) for name, one in value.items()}
    return [_read(one) for one in value] if isinstance(value, list) else value


def problems(case: Case, said: Judged) -> list[str]:
    """What breaks conservation: every record comes out once, in order, and as it came."""
    found = []
    if not said.read == len(case.table) == len(said.accepted) + len(said.quarantined):
        found.append(f"read {len(case.table)}, accepted {len(said.accepted)}, quarantined {len(said.quarantined)}")
    if not all(fact.conserved for fact in said.facts.values()):
        found.append(f"facts do not add up: {said.facts}")
    if sum(fact.read for fact in said.facts.values()) != len(case.table):
        found.append("facts miss a record")
    came = dict(zip(places(case.table), case.table.to_pylist(), strict=True))
    out = [
        [(one["partition"], one["offset"]) for one in table["_stillwell"].to_pylist()]
        for table in (said.accepted, said.quarantined)
    ]
    if sorted(out[0] + out[1]) != sorted(came):
        found.append("other records come out than went in")
        return found
    for place, row in zip(out[1], said.quarantined.to_pylist(), strict=True):
        kept = all(
            repr(row[name]) == repr(came[place].get(name)) for name in ("payload", "key", "record") if name in row
        )
        if not kept or not row["reasons"]:
            found.append(f"{place} is not in quarantine as it came: {row}")
    tally = said.tally
    if not tally.count("read") == tally.count("accepted") + tally.count("quarantined") == len(case.table):
        found.append("the tally does not add up")
    return found


def places(table: pa.Table) -> list[tuple[int, int]]:
    """Partition and offset of each record."""
    return list(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))


def to_json(case: Case) -> str:
    """A case as a file holds it; typed records as an Arrow stream, bytes that are no text as hexadecimal digits."""
    held: dict[str, Any] = {"contract": case.spec, "format": {"name": case.form.name, "options": case.form.options}}
    if "record" in case.table.column_names:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, case.table.schema) as stream:
            stream.write_table(case.table)
        held["arrow"] = base64.b64encode(sink.getvalue()).decode()
    else:
        held["batch"] = {name: list(map(written, case.table[name].to_pylist())) for name in case.table.column_names}
    return json.dumps(held, ensure_ascii=True, indent=1) + "\n"


def written(value: Any) -> Any:
    """Bytes as text, or as hexadecimal digits where they are none."""
    if not isinstance(value, bytes):
        return value.isoformat() if isinstance(value, dt.datetime) else value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}


_KINDS = {
    "partition": pa.int32(),
    "offset": pa.int64(),
    "topic": pa.string(),
    "ingest_time": pa.timestamp("us", tz="UTC"),
}


def from_json(name: str, text: str) -> Case:
    """The case that `to_json` wrote."""
    held = json.loads(text)
    form = Format(**held["format"])
    if "arrow" in held:
        return Case(name, held["contract"], form, pa.ipc.open_stream(base64.b64decode(held["arrow"])).read_all())
    columns = {
        key: pa.array(_given(key, values), _KINDS.get(key, pa.binary())) for key, values in held["batch"].items()
    }
    return Case(name, held["contract"], form, pa.table(columns))


def _given(column: str, values: Sequence[Any]) -> list[Any]:
    if column == "ingest_time":
        return [None if one is None else dt.datetime.fromisoformat(one) for one in values]
    if column in _KINDS:
        return list(values)
    return [
        bytes.fromhex(one["hex"]) if isinstance(one, dict) else None if one is None else one.encode() for one in values
    ]
