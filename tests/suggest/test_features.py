"""What sets wrong texts apart from right ones."""

import numpy as np
import pyarrow as pa
import pytest

from stillwell.contract.load import parse
from stillwell.suggest.column import column
from stillwell.suggest.features import features
from stillwell.suggest.reading import readings
from tests.kernel.records import judge, typed


def found(values, wrong, right):
    one = column("a", "a", pa.chunked_array([pa.array(values)]))
    masks = [np.isin(np.arange(len(values)), rows) for rows in (wrong, right)]
    return {clause.rule: clause for clause in features(one, readings(one)[0], *masks)}


@pytest.mark.parametrize(
    ("values", "rule", "hits"),
    [
        (["ab%", "cd", "e%f"], "a_sign", [0, 2]),
        (["ab1", "cd", "ef2"], "a_digits", [0, 2]),
        (["AB", "cd", "Ef"], "a_capitals", [0, 2]),
        (["añb", "cd", "ü"], "a_ascii", [0, 2]),
        (["Ab-1", "cd", "Zx-29"], "a_shape", [0, 2]),
        (["Denver CO", "Boulder", "San Juan NM"], "a_ending", [0, 2]),
        (["12 street", "a street", "34 b"], "a_beginning", [0, 2]),
        (["x", "cd", "x", "x"], "a_value", [0, 2, 3]),
    ],
)
def test_what_a_wrong_text_has_is_forbidden_wherever_it_stands(values, rule, hits):
    made = found(values, [0], [1])[rule]
    assert np.flatnonzero(made.fails).tolist() == hits
    assert not made.suggested


def test_a_number_inside_of_texts_is_limited_between_right_and_wrong_ones():
    values = ["1/1/71", "2/5/88", "3/3/95", "1/1/09", "4/1/14", "6/6/11", "7/7/05"]
    made = found(values, [3, 4, 5], [0, 1, 2])["a_part"]
    assert np.flatnonzero(made.fails).tolist() == [3, 4, 5, 6]


def test_lengths_and_numbers_are_limited_as_well():
    values = ["abc def", "abd fge", "x y", "u z", "v w", "k l"]
    assert np.flatnonzero(found(values, [2, 3, 4], [0, 1])["a_length"].fails).tolist() == [2, 3, 4, 5]
    numbers = ["1", "2", "900", "901", "950", "999"]
    assert np.flatnonzero(found(numbers, [2, 3, 4], [0, 1])["a_limit"].fails).tolist() == [2, 3, 4, 5]


def test_one_example_sets_no_limit():
    assert not {"a_length", "a_part"} & found(["12a", "3b", "x-4"], [0], [1, 2]).keys()


def test_the_kernel_finds_what_the_masks_say():
    values = ["Ab-1%", "cd e", "Zx-29", "ü (x)", "it's 7", "12/3/99", "12/3/09", "12/4/08", "12/4/07", "1/4/98"]
    for rule, made in found(values, [0, 2, 3, 4, 6, 7, 8], [1, 5, 9]).items():
        quoted = made.keys["expect"].replace("'", "''")
        contract = parse(
            f"contract: a\nversion: 1.0.0\nfields: {{a: {{type: string}}}}\nrules: {{{rule}: {{expect: '{quoted}'}}}}"
        )
        judged = judge(contract, typed(pa.array([{"a": value} for value in values])))
        assert (judged.verdicts.to_numpy() == 2).tolist() == made.fails.tolist(), made.keys["expect"]
