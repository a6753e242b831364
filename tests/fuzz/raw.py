"""Raw bytes before a few contracts that are always the same: what any producer can send, and any accident make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from stillwell.contract.model import Contract
from stillwell.kernel import Format, Kernel
from tests.fuzz import cases
from tests.fuzz.cases import Case, Difference
from tests.fuzz.contracts import Spec, load
from tests.kernel.records import CLOCK

TOGETHER = 500
"""How many payloads are judged as one batch."""

SCALARS: Spec = {
    "contract": "bytes",
    "version": "1.0.0",
    "missing": ["-", "-200"],
    "fields": {
        "n": {"type": "integer", "min": "-5", "max": "1000", "repair": {"range": "clamp"}},
        "d": {"type": "double", "max": "85", "repair": {"type": "clear"}},
        "m": {"type": "decimal", "precision": "12", "scale": "3"},
        "b": {"type": "boolean"},
        "t": {"type": "timestamp", "format": ["iso", "epoch_s"], "zone": "America/New_York"},
        "y": {"type": "date"},
        "h": {"type": "time"},
        "s": {"type": "string", "max_length": "5", "repair": {"length": "truncate"}, "clean": ["trim"]},
    },
}
STRICT: Spec = {**SCALARS, "parsing": "strict"}
NESTED: Spec = {
    "contract": "bytes",
    "version": "1.0.0",
    "other_fields": "keep",
    "fields": {
        "n": {"type": "object", "fields": {"n": {"type": "integer"}, "s": {"type": "string", "required": "true"}}},
        "d": {"type": "array", "items": {"type": "double", "max": "85"}, "max_items": "3"},
        "m": {
            "type": "array",
            "items": {"type": "object", "fields": {"n": {"type": "integer"}, "d": {"type": "json"}}},
        },
        "t": {"type": "json"},
        "s": {"type": "integer", "from": ["s.n[1]", "b"]},
    },
}
JSON = Format()
LINES = Format("csv", {"header": ["n", "d", "s", "t"], "delimiter": ",", "quote": '"'})


@dataclass(frozen=True)
class Judge:
    """One contract and format, ready for batch after batch."""

    name: str
    spec: Spec
    form: Format = JSON

    @cached_property
    def contract(self) -> Contract:
        return load(self.spec)

    @cached_property
    def kernel(self) -> Kernel:
        return Kernel(self.contract, format=self.form, threads=1)

    def differences(self, payloads: Sequence[bytes | None]) -> Iterator[Difference]:
        """Where kernel and reference say different things; AssertionError where something is lost."""
        columns = {
            "payload": pa.array(payloads, pa.binary()),
            "partition": pa.array([0] * len(payloads), pa.int32()),
            "offset": pa.array(range(len(payloads)), pa.int64()),
        }
        case = Case(self.name, self.spec, self.form, pa.table(columns))
        said = self.kernel.judge(case.table, CLOCK)
        lost = cases.problems(case, said)
        assert not lost, lost
        yield from cases.differences(case, said)


def judges() -> list[Judge]:
    """The contracts that bytes are put before."""
    return [Judge("scalars", SCALARS), Judge("strict", STRICT), Judge("nested", NESTED), Judge("lines", SCALARS, LINES)]
