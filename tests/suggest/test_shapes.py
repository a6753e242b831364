"""Patterns from shapes."""

import re

import pyarrow as pa
import pytest

from stillwell.contract.pattern import pattern as portable
from stillwell.suggest.column import column
from stillwell.suggest.shapes import escaped, of_shape, pattern, shape


def found(values):
    return pattern(column("a", "a", pa.chunked_array([pa.array(values)])))


def test_a_shape_says_what_follows_what():
    assert shape("AB-12x") == ("A", "-", "9", "a")
    assert shape("é1") == ("ü", "9")
    assert re.fullmatch(of_shape(shape("AB-12")), "XYZ-7")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["12345", "54321"], "[0-9]{5}"),
        (["sensor_001", "sensor_204"], "sensor_[0-9]{3}"),
        (["1/1/71", "12/31/99"], "[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}"),
        (["AL", "TX"], "[A-Z]{2}"),
        (["a+b1", "c+d2"], r"[a-z]\+[a-z][0-9]"),
    ],
)
def test_columns_of_one_shape_have_a_pattern(values, text):
    one = found(values * 20)
    assert one.text == text
    assert one.fits.all()
    assert portable(one.text)


def test_rare_shapes_do_not_fit():
    one = found(["12345"] * 48 + ["1x345", "abc"])
    assert one.text == "[0-9]{5}"
    assert one.share == pytest.approx(0.96)
    assert one.fits.sum() == 1


def test_several_common_shapes_stand_side_by_side():
    assert found(["123-456"] * 30 + ["AB"] * 20) is None  # a word says nothing
    assert found(["123-456"] * 30 + ["AB-1"] * 20).text == "[0-9]{3}-[0-9]{3}|AB-[0-9]"


def test_words_and_free_text_have_none():
    assert found(["birmingham", "boaz", "fort payne"] * 20) is None
    assert found([f"{'abc ' * number}{number}!" for number in range(20)]) is None
    assert found(["12345"] * 5) is None
    assert found(["1\t2"] * 20) is None


def test_special_characters_are_escaped():
    assert escaped("a.b(c)") == r"a\.b\(c\)"
    assert re.fullmatch(escaped("[^$]"), "[^$]")
