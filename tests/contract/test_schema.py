"""The committed JSON Schema is the one that the reader's own tables give."""

from __future__ import annotations

import json
from pathlib import Path

from stillwell.contract.fields import FIELD
from stillwell.contract.load import CONTRACT
from stillwell.contract.schema import contract_schema, schema_text
from stillwell.contract.sequence import KINDS

COMMITTED = Path(__file__).parents[2] / "schemas" / "contract.schema.json"


def test_the_committed_schema_is_current() -> None:
    """If this fails: python -m stillwell.contract.schema > schemas/contract.schema.json."""
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()


def test_every_key_is_there_with_its_description() -> None:
    schema = contract_schema()
    assert list(schema["properties"]) == [key.name for key in CONTRACT.keys]
    assert list(schema["$defs"]["field"]["properties"]) == [key.name for key in FIELD.keys]
    assert all(one["description"] for one in schema["$defs"]["field"]["properties"].values())
    kinds = schema["$defs"]["sequence"]["additionalProperties"]["anyOf"]
    assert [one["properties"]["kind"]["const"] for one in kinds] == list(KINDS)


def test_unknown_keys_are_refused_and_every_reference_is_defined() -> None:
    schema = contract_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["contract", "version", "fields"]

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()

    assert references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}
    assert json.loads(json.dumps(schema)) == schema
