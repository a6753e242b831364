"""Closed sets and misspelt words."""

import numpy as np
import pyarrow as pa
import pytest

from stillwell.suggest.column import column
from stillwell.suggest.vocabulary import vocabulary


def words(counts, doubted=()):
    values = [value for value, count in counts.items() for _ in range(count)]
    one = column("a", "a", pa.chunked_array([pa.array(values)]))
    found = vocabulary(one, np.array([value in doubted for value in one.values]))
    return one, found


@pytest.mark.parametrize(
    ("often", "rare"),
    [
        ("birmingham", "birminghxm"),
        ("acute care hospitals", "acutexcarexhospitals"),
        ("university blvd", "universty blvd"),
        ("yes", "yxs"),
        ("10039", "100x9"),
    ],
)
def test_a_rare_word_close_to_a_frequent_one_is_misspelt(often, rare):
    one, found = words({often: 50, "something else": 30, rare: 1})
    assert [one.values[at] for at in np.flatnonzero(found.typos)] == [rare]
    assert one.values[found.meant[one.values.index(rare)]] == often


@pytest.mark.parametrize(
    ("often", "rare"),
    [
        ("scip-inf-1", "scip-inf-2"),
        ("10039", "10038"),
        ("english", "ENGLISH"),
        ("Sun King Brewing Company", "Santa Fe Brewing Company"),
        ("American Pale Wheat Ale", "American Dark Wheat Ale"),
        ("al", "ak"),
    ],
)
def test_another_code_case_or_word_is_no_misspelling(often, rare):
    assert not words({often: 50, rare: 1})[1].typos.any()


def test_what_is_nearly_as_frequent_is_no_misspelling():
    assert not words({"montgomery": 12, "montgomary": 5})[1].typos.any()


def test_few_words_that_come_again_are_a_closed_set():
    one, found = words({"red": 40, "green": 40, "blue": 20})
    assert found.unseen == 0
    assert found.closed(one)


def test_words_seen_once_make_a_set_open_unless_they_are_misspelt():
    one, found = words({"left": 50} | {f"w{chr(97 + number) * 5}": 1 for number in range(10)})
    assert found.unseen == pytest.approx(10 / 60)
    assert not found.closed(one)
    one, found = words({"birmingham": 50, "birminghxm": 1, "xirmingham": 1})
    assert found.unseen == 0
    assert found.closed(one)


def test_doubted_words_are_neither_counted_nor_meant():
    _, found = words({"al": 50, "xlabama": 10, "xlabamx": 1}, doubted={"xlabama"})
    assert not found.typos.any()
    assert found.unseen == pytest.approx(1 / 51)
