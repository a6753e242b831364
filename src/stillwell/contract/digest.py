"""A contract's digest: what verdicts are pinned to, whatever its comments, layout or order of keys in the file."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from typing import Any

from stillwell.contract.model import Contract


def digest(contract: Contract) -> str:
    """SHA-256 (hex) of the resolved model as canonical JSON.

    Defaults are left out, so that a later version of the model may know more and still give the same digest.
    """
    text = json.dumps(_plain(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {
            one.name: _plain(getattr(value, one.name)) for one in fields(value) if one.compare and _said(value, one)
        }
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"{value // dt.timedelta(microseconds=1)}us"
    return str(value) if isinstance(value, Decimal) else value


def _said(value: Any, one: Any) -> bool:
    """Whether a part of the model differs from its default."""
    found = getattr(value, one.name)
    if one.default is not MISSING:
        # 0 == False and 0.0 == 0 in Python, yet a contract means different things by them.
        return bool(found != one.default or type(found) is not type(one.default))
    return one.default_factory is MISSING or bool(found != one.default_factory())
