"""The JSON Schema of the contract file, from the same tables as the reader; `python -m` prints it for editors."""

from __future__ import annotations

import json
from typing import Any

from stillwell.contract.fields import FIELD
from stillwell.contract.grammar import NAME
from stillwell.contract.load import CONTRACT
from stillwell.contract.record_rules import RECORD_RULE
from stillwell.contract.sequence import SEQUENCE_RULES
from stillwell.contract.windows import WINDOW, WINDOW_RULE


def contract_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    names = NAME.schema()
    kinds = []
    for kind, thing in SEQUENCE_RULES.items():
        one = thing.schema()
        one["properties"]["kind"] = {"const": kind}
        kinds.append(one)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stillwell contract",
        "description": "What good data is: fields, rules, repairs, sequence rules and windows.",
        **CONTRACT.schema(),
        "$defs": {
            "field": FIELD.schema(),
            "fields": {"type": "object", "propertyNames": names, "additionalProperties": {"$ref": "#/$defs/field"}},
            "rules": {"type": "object", "propertyNames": names, "additionalProperties": RECORD_RULE.schema()},
            "sequence": {"type": "object", "propertyNames": names, "additionalProperties": {"anyOf": kinds}},
            "table": {"type": "object", "propertyNames": names, "additionalProperties": WINDOW_RULE.schema()},
            "windows": {"type": "object", "propertyNames": names, "additionalProperties": WINDOW.schema()},
        },
    }


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
