"""Which topics there are, looked at anew from time to time while they are read, without holding up the reading."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.topics import Numbering, Selection, Topic, stamped
from stillwell.errors import ConnectorError, StillwellError, did_you_mean, fail

_AGAIN = 1.0


class Survey:
    """Keeps a numbering up to date with what is there.

    `topics` are those that were seen last, `stamped` those of which messages may carry the broker's time.
    """

    def __init__(self, cluster: Cluster, selection: Selection, every: float) -> None:
        self._cluster, self._selection, self._every = cluster, selection, every
        self.numbering = Numbering(several=selection.several)
        self.topics: dict[str, Topic] = {}
        self.stamped: set[str] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kafka-topics")
        self._look: Future[dict[str, Topic]] | None = None
        self._due = time.monotonic() + every
        self._missing: set[str] = set()

    def begin(self) -> None:
        """Look at once, and wait for it.

        Raises:
            ConnectorError: code `no-topic`, when one of the names is not there; or `refused`.
        """
        found = self._find()
        for name in self._selection.names:
            if name not in found:
                there = [
                    one for one in self._cluster.admin().list_topics(timeout=10).topics if not one.startswith("__")
                ]
                fix = did_you_mean(name, there) if there else "Create it first."
                raise fail(ConnectorError, "no-topic", f"There is no topic `{name}` at {self._cluster.brokers}.", fix)
        self._take(found)

    def _find(self) -> dict[str, Topic]:
        found = self._selection.find(self._cluster)
        new = [name for name, topic in found.items() if topic != self.topics.get(name)]
        self.stamped |= stamped(self._cluster, new)
        return found

    def grown(self, *, at_once: bool) -> frozenset[int]:
        """Partitions that are there since the last look; looks in the background when it is time, or `at_once`.

        Raises:
            ConnectorError: code `topic-gone`, when a topic was deleted, perhaps created again.
        """
        if self._look is None:
            if not at_once and time.monotonic() < self._due:
                return frozenset()
            self._look = self._pool.submit(self._find)
        if not self._look.done():
            return frozenset()
        look, self._look = self._look, None
        self._due = time.monotonic() + self._every
        try:
            found = look.result()
        except (StillwellError, library().KafkaException):
            # Brokers that are away tell nothing of their topics.
            self._cluster.trouble.away = True
            self._due = min(self._due, time.monotonic() + _AGAIN)
            return frozenset()
        self._cluster.trouble.back()
        return self._take(found)

    def _take(self, found: dict[str, Topic]) -> frozenset[int]:
        """Compare with what was there before, and number what is new."""
        missing = {name for name, topic in self.topics.items() if name not in found or found[name].id != topic.id}
        for name in missing & set(self._selection.names):
            if name in found or name in self._missing:
                raise _gone(name, again=name in found)
        if missing - self._missing:
            # Once may be a broker that has just started.
            self._missing, self._due = missing, time.monotonic() + _AGAIN
            found |= {name: topic for name, topic in self.topics.items() if name in missing}
        else:
            self._missing = set()
            for name in missing:
                self.numbering.drop(name)
        before = self.numbering.all()
        for topic in found.values():
            self.numbering.add(topic)
        self.topics = found
        return self.numbering.all() - before

    def close(self) -> None:
        """Look no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _gone(name: str, *, again: bool) -> StillwellError:
    """The error of a topic that was deleted while it was read."""
    what = f"Topic `{name}` was deleted{' and created again' if again else ''} while it was read."
    fix = "A topic created again is another one: give the pipeline another name and other sinks to read it."
    return fail(ConnectorError, "topic-gone", what, fix if again else f"Create it, or take it off the source. {fix}")
