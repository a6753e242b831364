"""What a named format takes, and what it does not."""

from __future__ import annotations

import pytest

from stillwell.kernel.formats import PATTERNS
from tests.kernel.reference import luhn
from tests.kernel.test_constraint import good

FORMATS = {
    "email": (
        ["a@b.co", "first.last+tag@sub.example.org", "x_y'z@e-x.info"],
        ["a@b", "@b.co", "a b@c.de", "a@b..co", "a@-b.co", "a@b.co ", "a@b.co, c@d.ef"],
    ),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"], ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]),
    "ipv4": (["0.0.0.0", "255.255.255.255", "127.0.0.1"], ["256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "١.2.3.4"]),
    "ipv6": (["::", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "fe80::"], ["1:2:3:4:5:6:7", "1::2::3", "12345::", "::1%eth0", "1:2:3:4:5:6:7:8:9", ":::"]),
    "uri": (["https://example.org/a?b=c#d", "urn:isbn:1", "mailto:a@b.co"], ["example.org", "//a/b", "http:", "http://a b", "1http://a"]),
    "hostname": (["localhost", "a.b-c.example", "xn--bcher-kva.example.", "1a"], ["-a", "a-", "a..b", "a_b", "", "a" * 64]),
    "iso-country": (["NO", "DE"], ["no", "XX", "NOR", ""]),
    "iso-currency": (["EUR", "NOK"], ["eur", "XXX", "EU"]),
    "card-number": (["4111111111111111", "5500005555555559", "378282246310005", "6011000990139424"], ["4111111111111112", "4111 1111 1111 1111", "41111111111", "41111111111111111111", "٤111111111111111", ""]),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_named_format_takes_what_is_one_and_nothing_else(name):
    right, wrong = FORMATS[name]
    assert good(f"{{type: string, format: {name}}}", *right, *wrong) == [True] * len(right) + [False] * len(wrong)


def test_one_of_several_formats_is_enough():
    assert good("{type: string, format: [ipv4, ipv6]}", "::1", "1.2.3.4", "x") == [True, True, False]


def test_card_numbers_pass_the_check_of_their_last_digit():
    numbers = [str(4111111111111100 + number) for number in range(100)] + ["0" * size for size in range(10, 22)]
    assert good("{type: string, format: card-number}", *numbers) == [luhn(number) for number in numbers]
