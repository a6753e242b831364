"""What the plain way can read of each format, and what it leaves to the full way."""

from __future__ import annotations

import pyarrow as pa

from stillwell.contract.model import Path
from stillwell.kernel.leaves import DelimitedLeaves, JsonLeaves, TypedLeaves
from tests.kernel.records import contract

A = Path(("a",))


def json_leaves(rest="fields: {a: {type: double}}"):
    return JsonLeaves(contract(rest))


def test_json_is_read_by_one_structure_with_one_kind_for_each_path():
    leaves = json_leaves()
    assert leaves.leaf(A, "DOUBLE") == '"_stillwell_doc"."a"'
    assert leaves.leaf(Path(("o", "x")), "VARCHAR") == '"_stillwell_doc"."o"."x"'
    assert leaves.leaf(A, "VARCHAR") is None, "one path, two kinds"
    assert leaves.leaf(Path(("A",)), "DOUBLE") is None, "names that differ by case alone"
    assert leaves.leaf(Path(("a", "x")), "VARCHAR") is None, "a value that is a container too"
    assert leaves.leaf(Path(("list", 0)), "VARCHAR") is None, "an element of an array"


def test_cells_are_texts_or_doubles_by_their_column():
    leaves = DelimitedLeaves(["b", "a"])
    assert leaves.leaf(A, "VARCHAR") == "nullif(\"_stillwell_cells\"[2], '')"
    assert leaves.leaf(A, "JSON") is None
    assert leaves.leaf(Path(("c",)), "VARCHAR") is None


def test_typed_values_are_taken_as_they_are_where_nothing_is_lost():
    inner = pa.struct([("x", pa.int32())])
    record = pa.struct(
        [("a", pa.float64()), ("f", pa.float32()), ("o", inner), ("l", pa.list_(pa.int8())), ("s", pa.string())]
    )
    leaves = TypedLeaves(record)
    assert leaves.leaf(A, "DOUBLE") == 'CAST("_stillwell_record"."a" AS DOUBLE)'
    assert leaves.leaf(Path(("o", "x")), "VARCHAR") == 'CAST("_stillwell_record"."o"."x" AS VARCHAR)'
    assert leaves.leaf(Path(("f",)), "DOUBLE") is None, "0.1 of single precision is another double"
    assert leaves.leaf(Path(("l",)), "VARCHAR") is None
    assert leaves.leaf(Path(("o", "y")), "VARCHAR") is None


def test_what_was_typed_already_is_native():
    typed = TypedLeaves(pa.struct([("a", pa.float64()), ("s", pa.string())]))
    assert typed.native(A)
    assert not typed.native(Path(("s",)))
    for leaves in (json_leaves(), DelimitedLeaves(["a"])):
        assert not leaves.native(A)
        assert leaves.native(Path(envelope="offset"))
        assert not leaves.native(Path(envelope="key"))
