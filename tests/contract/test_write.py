"""What is written is read again as the same tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.read import List, Map, Node, Problems, Text, read
from stillwell.contract.write import write
from stillwell.errors import Where

NOWHERE = Where()
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)


def a_map(entries: dict[str, Node]) -> Map:
    return Map(entries, dict.fromkeys(entries, NOWHERE), NOWHERE)


TREES = st.recursive(
    st.builds(Text, TEXTS, st.just(NOWHERE)),
    lambda inner: st.one_of(
        st.builds(List, st.lists(inner, max_size=3).map(tuple), st.just(NOWHERE)),
        st.dictionaries(TEXTS, inner, max_size=3).map(a_map),
    ),
    max_leaves=8,
)


def plain(node: Node) -> object:
    if isinstance(node, Map):
        return {name: plain(value) for name, value in node.entries.items()}
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    assert isinstance(node, Text)
    return node.value


@given(TREES)
def test_any_tree_survives(tree: Node) -> None:
    problems = Problems()
    again = read(write(tree), "f", problems)
    assert not list(problems)
    assert plain(again) == plain(tree)
