"""The contract of benchmarks/kernel.py as a person writes it in Spark SQL: one pass, one table, rows with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NUMBERS = {"temperature": (-40, 85), "humidity": (0, 100), "pressure": (800, 1100)}


def run(spark: Any, parts: Path, out: Path) -> None:
    """Judge all records, and write them with typed values, verdict, reasons and warnings; rejects keep the payload."""
    from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

    shape = "sensor_id string, timestamp string, temperature string, humidity string, pressure string, broken string"
    text = F.col("payload").cast("string")
    read = (
        spark.read.parquet(str(parts))
        .withColumn("r", F.from_json(text, shape, {"columnNameOfCorruptRecord": "broken"}))
        .select("partition", "offset", "ingest_time", "payload", "r.*")
    )
    typed = read.withColumn("at", F.expr("try_cast(timestamp AS timestamp)"))
    for name in NUMBERS:
        typed = typed.withColumn(f"{name}_", F.expr(f"try_cast({name} AS double)"))
    whole = F.col("broken").isNull()

    def reason(rule: str, condition: Any, seen: Any, expected: str, severity: str = "reject") -> Any:
        said = (rule, rule.split(".", maxsplit=1)[0], severity)
        parts = [*map(F.lit, said), seen.cast("string"), F.lit(expected)]
        names = ("rule", "field", "severity", "seen", "expected")
        return F.when(condition, F.struct(*[part.alias(name) for part, name in zip(parts, names, strict=True)]))

    found = [
        reason("payload.format", ~whole, text, "a JSON object"),
        reason("sensor_id.required", whole & F.col("sensor_id").isNull(), F.lit(None), "a value"),
        reason("sensor_id.pattern", ~F.col("sensor_id").rlike("^sensor_[0-9]{3}$"), F.col("sensor_id"), "the pattern"),
        reason("timestamp.required", whole & F.col("timestamp").isNull(), F.lit(None), "a value"),
        reason("timestamp.type", F.col("timestamp").isNotNull() & F.col("at").isNull(), F.col("timestamp"), "a time"),
        reason("timestamp.range", F.col("at") > F.expr("ingest_time + interval 1 minute"), F.col("at"), "≤ now + 1m"),
    ]
    for name, (least, most) in NUMBERS.items():
        value = F.col(f"{name}_")
        found += [
            reason(f"{name}.required", whole & F.col(name).isNull(), F.lit(None), "a value"),
            reason(f"{name}.type", F.col(name).isNotNull() & value.isNull(), F.col(name), "a number"),
            reason(f"{name}.range", (value < least) | (value > most), value, f"{least} … {most}"),
        ]
    hot = (F.col("temperature_") > 60) & (F.col("humidity_") > 95)
    dense = (F.col("temperature_") < -35) & (F.col("pressure_") > 1095)
    warned = [
        reason("hot_and_wet", hot, F.col("temperature"), "not so", "warn"),
        reason("dense_cold", dense, F.col("temperature"), "not so", "warn"),
    ]
    rejected = F.size("reasons") > 0
    (
        typed.withColumn("reasons", F.filter(F.array(*found), lambda one: one.isNotNull()))
        .withColumn("warnings", F.filter(F.array(*warned), lambda one: one.isNotNull()))
        .select(
            F.when(rejected, "quarantined").otherwise("accepted").alias("verdict"),
            *("partition", "offset", "ingest_time", "sensor_id", F.col("at").alias("timestamp")),
            *(F.col(f"{name}_").alias(name) for name in NUMBERS),
            *("reasons", "warnings", F.when(rejected, F.col("payload")).alias("payload")),
        )
        .write.mode("overwrite")
        .partitionBy("verdict")
        .parquet(str(out))
    )
