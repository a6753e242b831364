"""The JSON Schema of pipeline.yml, from the tables of its reader and the options of every plug-in there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stillwell._find import find, names
from stillwell.errors import StillwellError
from stillwell.pipeline.grammar import PIPELINE

_SIDES = (("source", "connectors", "Source"), ("sink", "connectors", "Sink"), ("engine", "engines", "Engine"))
_REFERENCE = {"$ref": "#/$defs/reference"}


def pipeline_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, with the plug-ins that are installed."""
    definitions: dict[str, Any] = {
        "reference": {
            "description": "Filled in from outside the file: ${NAME}, ${NAME:-default}, ${file:path}.",
            "type": "string",
            "pattern": r"\$\{[^}]+\}",
        }
    }
    for side, room, attribute in _SIDES:
        plug_ins = _options(side, room, attribute)
        options = {f"{side}-{name}": schema for name, schema in plug_ins.items()}
        definitions |= options
        forms = {name: {"$ref": f"#/$defs/{side}-{name}"} for name in plug_ins}
        definitions[side] = {
            "anyOf": [
                {"enum": list(plug_ins)},
                {
                    "type": "object",
                    "properties": forms,
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stillwell pipeline",
        "description": "Where records come from, which contract judges them, and where they go.",
        **{key: _or_reference(value) for key, value in PIPELINE.schema().items()},
        "$defs": {name: one if name == "reference" else _or_reference(one) for name, one in definitions.items()},
    }


def _options(side: str, room: str, attribute: str) -> dict[str, Any]:
    """The schema of the options of every plug-in of a room that has such a side."""
    found = {}
    for name in names(room):
        try:
            kind = find(room, name, attribute)
        except StillwellError as error:
            if error.problems[0].code != "not-supported":
                raise
            continue
        template = f"#/$defs/{side}-{name}/$defs/{{model}}"
        found[name] = _without_titles(kind.Options.model_json_schema(ref_template=template))
    return found


def _each(schema: Any, change: Callable[[Any], Any]) -> Any:
    """The schema with every schema in it changed, names of properties and definitions apart."""
    if isinstance(schema, list):
        return [change(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {}
    for key, one in schema.items():
        if key in ("properties", "$defs"):
            result[key] = {name: change(inner) for name, inner in one.items()}
        else:
            result[key] = one if key in ("propertyNames", "default", "enum", "required") else change(one)
    return result


def _without_titles(schema: Any) -> Any:
    """The schema without its titles: they are made of the names, and tell a reader nothing."""
    kept = {key: one for key, one in schema.items() if key != "title"} if isinstance(schema, dict) else schema
    return _each(kept, _without_titles)


def _or_reference(schema: Any) -> Any:
    """The schema, in which every value that is more than just text may be filled in from outside instead."""
    inside = _each(schema, _or_reference)
    if not isinstance(schema, dict) or "$ref" in schema:
        return inside
    narrow = schema.get("type") in ("integer", "number", "boolean") or schema.keys() & {
        "enum",
        "const",
        "pattern",
        "format",
    }
    if not narrow:
        return inside
    said = {"description": inside.pop("description")} if "description" in inside else {}
    return {**said, "anyOf": [inside, _REFERENCE]}


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(pipeline_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
