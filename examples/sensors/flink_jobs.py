"""Two classical jobs of Flink behind flink.yml: one enriches what was accepted, one counts quality by the minute.

`python examples/sensors/flink_jobs.py BROKERS [--until-end]`, in Flink's environment. Neither has to look at a bad
value: the pipeline has put those aside. The first adds dew point and a word for comfort to each reading (topic
`enriched`); the second counts accepted and rejected records by the minute and by broken rules (topic `quality`). Both
are exactly once.
"""

from __future__ import annotations

import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

from stillwell.engines.flink.gateway import connector

READING = """
    sensor_id STRING, `timestamp` TIMESTAMP_LTZ(3), temperature DOUBLE, humidity DOUBLE, pressure DOUBLE,
    ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
"""
REJECT = """
    payload BYTES, headers MAP<STRING, BYTES> METADATA VIRTUAL,
    ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
"""
ENRICHED = "sensor_id STRING, `timestamp` TIMESTAMP_LTZ(3), temperature DOUBLE, dew_point DOUBLE, comfort STRING"
QUALITY = "minute_start TIMESTAMP(3), verdict STRING, rules STRING, records BIGINT"

# Dew point: Magnus, with the constants of Alduchov and Eskridge (1996).
ENRICH = """
    INSERT INTO enriched SELECT sensor_id, `timestamp`, temperature, ROUND(243.04 * gamma / (17.625 - gamma), 2),
        CASE WHEN temperature BETWEEN 18 AND 26 AND humidity BETWEEN 30 AND 65 THEN 'good'
            WHEN temperature > 26 THEN 'hot' WHEN temperature < 18 THEN 'cold' ELSE 'stuffy or dry' END
    FROM (SELECT *, LN(GREATEST(humidity, 0.1) / 100) + 17.625 * temperature / (243.04 + temperature) AS gamma
        FROM readings)
"""
COUNT = """
    INSERT INTO quality SELECT window_start, verdict, rules, COUNT(*) FROM TABLE(
        TUMBLE(TABLE verdicts, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, verdict, rules
"""


def main(brokers: str, *, until_end: bool) -> None:
    """Run both jobs as one."""
    flink = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in {
        "pipeline.jars": connector().as_uri(),
        "pipeline.name": "sensors: enrich, and count quality",
        "execution.checkpointing.interval": "5 s",
        "table.local-time-zone": "UTC",
        "table.exec.source.idle-timeout": "10 s",
    }.items():
        flink.get_config().set(key, value)
    kafka = f"'connector' = 'kafka', 'properties.bootstrap.servers' = '{brokers}'"
    read = f"{kafka}, 'scan.startup.mode' = 'earliest-offset', 'properties.isolation.level' = 'read_committed'"
    read += ", 'scan.bounded.mode' = 'latest-offset'" if until_end else ""
    json = "'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'"
    once = "'sink.delivery-guarantee' = 'exactly-once', 'properties.transaction.timeout.ms' = '900000'"
    for name, columns, options in (
        ("readings", READING, f"{read}, 'topic' = 'readings', {json}"),
        ("rejects", REJECT, f"{read}, 'topic' = 'rejects', 'format' = 'raw'"),
        ("enriched", ENRICHED, f"{kafka}, {once}, 'topic' = 'enriched', 'sink.transactional-id-prefix' = 'e', {json}"),
        ("quality", QUALITY, f"{kafka}, {once}, 'topic' = 'quality', 'sink.transactional-id-prefix' = 'q', {json}"),
    ):
        flink.execute_sql(f"CREATE TABLE {name} ({columns}) WITH ({options})")
    flink.execute_sql(
        "CREATE TEMPORARY VIEW verdicts AS SELECT ts, 'accepted' AS verdict, '' AS rules FROM readings UNION ALL "
        "SELECT ts, 'quarantined', CAST(headers['stillwell.rules'] AS STRING) FROM rejects"
    )
    both = flink.create_statement_set()
    both.add_insert_sql(ENRICH)
    both.add_insert_sql(COUNT)
    both.execute().wait()


if __name__ == "__main__":
    main(sys.argv[1], until_end="--until-end" in sys.argv[2:])
