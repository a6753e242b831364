"""The numbers of partitions: Kafka's own for one topic, and for several such as never change and never meet."""

from __future__ import annotations

import pytest

from stillwell.connectors.kafka.topics import Numbering, Selection, Topic
from stillwell.errors import ConnectorError


def numbered(*topics, several=True):
    numbering = Numbering(several=several)
    for topic in topics:
        numbering.add(topic)
    return numbering


def test_one_topic_keeps_its_own_numbers():
    assert numbered(Topic("t", "id", 5000), several=False).all() == frozenset(range(5000))


def test_of_several_each_has_numbers_of_its_own_which_never_change():
    a, b = Topic("a", "zEfhH2XuQ2WcGzsFOANYlg", 3), Topic("b", "B0aQ9PR3TPWZs0ovzM055Q", 1024)
    numbering = numbered(a, b)
    assert len(numbering.all()) == 3 + 1024
    assert numbering.all() == numbered(b, a).all()
    assert [numbering.number(("a", partition)) for partition in range(3)] == [124824576, 124824577, 124824578]
    assert max(numbering.all()) < 2**31
    assert all(numbering.number(numbering.place(number)) == number for number in numbering.all())


def test_a_wider_topic_keeps_what_it_had_and_one_made_anew_does_not():
    before, after = numbered(Topic("t", "id", 2)).all(), numbered(Topic("t", "id", 2), Topic("t", "id", 4)).all()
    assert before < after
    assert not before & numbered(Topic("t", "another", 2)).all()


def test_what_is_dropped_is_known_no_more():
    numbering = numbered(Topic("a", "1", 2), Topic("b", "2", 2))
    gone = numbering.number(("a", 0))
    numbering.drop("a")
    assert numbering.place(gone) is None
    assert not numbering.knows(("a", 0))
    assert numbering.knows(("b", 1))
    assert not numbering.knows(("b", 2))


def test_numbers_that_would_meet_are_refused():
    seen, numbering = {}, Numbering(several=True)
    for attempt in range(100_000):
        topic = Topic(f"t{attempt}", f"id{attempt}", 1)
        base = min(numbered(topic).all())
        if base in seen:
            break
        seen[base] = topic
    numbering.add(seen[base])
    with pytest.raises(ConnectorError, match="same numbers"):
        numbering.add(topic)


def test_a_topic_that_is_too_wide_beside_others_is_refused():
    with pytest.raises(ConnectorError, match=r"has 1,025 partitions"):
        numbered(Topic("t", "id", 1025))


def test_a_selection_is_of_one_several_or_a_pattern():
    assert Selection.of("a") == Selection(("a",), several=False)
    assert Selection.of(["a", "a"]) == Selection(("a",), several=True)
    assert Selection.of("^a.*").patterns == ("^a.*",)
    assert Selection.of(["a", "^b"]).names == ("a",)
