"""Which contract a verb judges by: the file that was named, or `contract.yml` here."""

from __future__ import annotations

from pathlib import Path

from stillwell.contract.load import load
from stillwell.contract.model import Contract
from stillwell.contract.read import Map, Problems, Text, read, read_text
from stillwell.errors import ContractError, Where, fail

DEFAULT = Path("contract.yml")


def chosen(file: Path | None) -> Contract:
    """The contract in `file`, or else in `contract.yml` here.

    Raises:
        ContractError: with all problems of the file; codes `no-contract`, and `not-a-contract` for a pipeline.
    """
    if file is None and not DEFAULT.exists():
        what = f"No contract was named, and there is no {DEFAULT} here."
        raise fail(ContractError, "no-contract", what, "Name one: --contract FILE.")
    path = file or DEFAULT
    named = _contract_of_pipeline(path)
    if named is not None:
        fix = f"Name its contract: {path.parent / named}." if named else "Name its contract."
        raise fail(ContractError, "not-a-contract", "This is a pipeline, not a contract.", fix, where=Where(str(path)))
    return load(path)


def is_pipeline(path: Path) -> bool:
    """Whether the file says `pipeline:` at its top.

    Raises:
        ContractError: code `unreadable`.
    """
    return _contract_of_pipeline(path) is not None


def title(contract: Contract) -> str:
    """File, name and version, as the first line of an answer says them."""
    return f"{contract.file} ({contract.name} {contract.version})"


def _contract_of_pipeline(path: Path) -> str | None:
    """What a pipeline's file names as its contract (nothing, if that is no text); None for any other file."""
    node = read(read_text(path, ContractError), str(path), Problems())
    if not isinstance(node, Map) or "pipeline" not in node.entries:
        return None
    named = node.entries.get("contract")
    return named.value if isinstance(named, Text) else ""
