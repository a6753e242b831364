"""Kafka: records from topics, by one process or by a group of them; rows and dead letters to topics."""

from stillwell.connectors.kafka.produce import Producer as Producer
from stillwell.connectors.kafka.sink import Sink as Sink
from stillwell.connectors.kafka.source import Source as Source
from stillwell.connectors.kafka.url import url_options as url_options
