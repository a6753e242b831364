"""What a suggestion is."""

import pytest

from stillwell.errors import ContractError
from stillwell.suggest import Evidence, Labels, Suggestion


def test_a_suggestion_is_a_text_that_reads_as_a_contract():
    text = "contract: a\nversion: 1.0.0\nfields: {b: {type: string}}\n"
    suggestion = Suggestion(text, (Evidence("b.type", "It is.", 1.0),))
    assert suggestion.contract.field("b").type == "string"
    assert suggestion.contract is suggestion.contract
    with pytest.raises(ContractError):
        Suggestion("contract: a\n", ()).contract  # noqa: B018


def test_labels_need_no_corrections():
    assert Labels(frozenset(), frozenset()).right == {}
