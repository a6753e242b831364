"""The plain way is walked by the compiled reader where that serves, by DuckDB where not, and the proofs are the same."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from stillwell.kernel.base import Format
from stillwell.kernel.prepare import ingest_times, relation
from stillwell.kernel.program import compile_program
from stillwell.kernel.prove import Prover
from tests.kernel.records import CLOCK, batch, contract, no_reader

REST = "fields: {a: {type: integer, required: true, max: 9}, s: {type: string}}"
RECORDS = [b'{"a": 1, "s": "x"}', b'{"a": 10}', b"x", b'{"a": 2.0}', b'{"a": 3}']


def prover(rest=REST, columns=()):
    return Prover(compile_program(contract(rest), Format()), Format(), duckdb.connect(), None, columns, values=True)


def rows(records):
    table = batch(records)
    return relation(table, ingest_times(table, CLOCK))


def test_both_walks_prove_the_same_values():
    proof = prover(columns=['a + 1 AS "more"']).prove(rows(RECORDS))
    assert proof.plain.tolist() == [True, False, False, False, True]
    with no_reader():
        also = prover(columns=['a + 1 AS "more"']).prove(rows(RECORDS))
    assert also.plain.tolist() == [True, False, False, False, True]
    for found in (proof.values, also.values):
        assert [found[column][0].as_py() for column in ("a", "s", "more")] == [1, "x", 2]
        assert [found[column][4].as_py() for column in ("a", "s", "more")] == [3, None, 4]


def test_checks_say_what_each_record_that_was_read_broke():
    proof = prover().prove(rows(RECORDS))
    assert proof.read.tolist() == [True, True, False, False, True]
    assert [place for place in np.flatnonzero(proof.read) if proof.broken.masks["a.range"][place]] == [1]


def test_what_the_reader_can_hardly_read_is_walked_by_duckdb_for_a_while(monkeypatch):
    one, odd = prover(), rows([b'{"a": "\\u0031"}'] * 3)
    read = []
    reading = type(one._reader).read
    monkeypatch.setattr(
        type(one._reader), "read", lambda self, payload: read.append(len(payload)) or reading(self, payload)
    )
    found = [one.prove(odd).plain.tolist() for _ in range(18)]
    assert read == [3, 3]
    assert found == [[False] * 3, *[[False] * 3] * 17]


@pytest.mark.parametrize("rest", [REST, "fields: {a: {type: json}}"])
def test_no_rows_prove_nothing(rest):
    proof = prover(rest).prove(rows([]))
    assert (len(proof.plain), proof.values) == (0, None)
