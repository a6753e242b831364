"""Random numbers by counter: the published sequence, spread as they should be, each independent of the others."""

import numpy as np

from stillwell.connectors.generator import draw

MANY = draw.bits(draw.key("a test"), np.arange(200_000))


def test_bits_are_the_published_splitmix64_sequence():
    """The first three outputs for seed 1234567; the generator adds its increment before each output."""
    assert draw.bits(np.uint64(1234567), np.array([1, 2, 3])).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_a_number_does_not_depend_on_its_neighbours():
    assert draw.bits(draw.key("a test"), np.array([777]))[0] == MANY[777]


def test_another_name_is_another_sequence():
    assert not np.any(draw.bits(draw.key("another test"), np.arange(1000)) == MANY[:1000])


def test_uniform_is_even():
    counts = np.bincount((draw.uniform(MANY) * 10).astype(int), minlength=10)
    assert len(counts) == 10
    assert abs(counts / len(MANY) - 0.1).max() < 0.005


def test_bell_has_mean_0_deviation_1_and_ends():
    values = draw.bell(MANY)
    assert abs(values.mean()) < 0.01
    assert abs(values.std() - 1) < 0.01
    assert abs(values).max() < 3.47


def test_choose_takes_every_number_below_count():
    assert set(draw.choose(MANY, 7).tolist()) == set(range(7))
    assert (draw.choose(MANY[:4], np.array([1, 1, 2, 2])) < [1, 1, 2, 2]).all()
