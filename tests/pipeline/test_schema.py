"""The JSON Schema of pipeline.yml is the committed one, and says what the reader reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell._find import find, names
from stillwell.errors import StillwellError
from stillwell.pipeline.grammar import PIPELINE
from stillwell.pipeline.schema import pipeline_schema, schema_text

COMMITTED = Path(__file__).parents[2] / "schemas" / "pipeline.schema.json"


def references(schema):
    """Every `$ref` in a schema."""
    if isinstance(schema, dict):
        for key, one in schema.items():
            yield from [one] if key == "$ref" else references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from references(one)


@pytest.fixture(scope="module")
def schema():
    return pipeline_schema()


def test_the_committed_schema_is_current() -> None:
    """If not: `python -m stillwell.pipeline.schema > schemas/pipeline.schema.json`."""
    assert COMMITTED.read_text(encoding="utf-8") == schema_text()


def test_every_key_of_the_grammar_is_in_it(schema) -> None:
    assert list(schema["properties"]) == [key.name for key in PIPELINE.keys]
    assert schema["required"] == ["pipeline", "contract", "source", "accepted", "quarantine"]


def test_every_reference_leads_somewhere(schema) -> None:
    found = set(references(schema))
    assert "#/$defs/source-generator" in found
    for reference in found:
        here = schema
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]


def test_every_plug_in_is_offered_with_its_options_on_its_side(schema) -> None:
    for room, side in (("connectors", "Source"), ("connectors", "Sink"), ("engines", "Engine")):
        offered = schema["$defs"][side.lower()]["anyOf"][1]["properties"]
        for name in names(room):
            try:
                options = find(room, name, side).Options
            except StillwellError:
                assert name not in offered
                continue
            assert offered[name] == {"$ref": f"#/$defs/{side.lower()}-{name}"}
            said = schema["$defs"][f"{side.lower()}-{name}"]
            assert list(said.get("properties", {})) == list(options.model_fields)
            assert said["additionalProperties"] is False


def test_a_number_may_be_filled_in_from_outside(schema) -> None:
    seed = schema["$defs"]["source-generator"]["properties"]["seed"]
    assert {"$ref": "#/$defs/reference"} in seed["anyOf"]
