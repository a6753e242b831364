"""Submits a pipeline to a Spark cluster: `spark-submit` runs it, with what you tell it, and its driver is here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from stillwell.cli import __main__ as program
from stillwell.cli._pipeline import planned
from stillwell.cli.base import Json, Outcome, Output
from stillwell.lab.spark import home

PLACE = ("lab", 2)
EXAMPLES = (
    "stillwell submit pipeline.yml --master spark://host:7077",
    "stillwell submit pipeline.yml --conf spark.executor.memory=4g --conf spark.cores.max=8",
)


def submit(
    pipeline: Annotated[Path | None, typer.Argument(metavar="[PIPELINE]", help="The file, or its folder.")] = None,
    master: Annotated[str | None, typer.Option(metavar="URL", help="Of Spark; else what its settings say.")] = None,
    conf: Annotated[
        list[str] | None, typer.Option("--conf", metavar="KEY=VALUE", help="A setting of Spark; may be repeated.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Put another value in the file's place; may be repeated."),
    ] = None,
    json: Json = False,
) -> Outcome:
    """Run a pipeline on Spark through `spark-submit`: that of SPARK_HOME, or the one that came with PySpark.

    The pipeline is planned here first, so that what cannot be is refused at once. The driver is this machine, which
    opens the sinks (deploy mode client). Exit code: that of `stillwell run`.
    """
    output = Output(json=json)
    made = planned(pipeline, settings or (), output, "spark")
    command = [str(home() / "bin" / "spark-submit")]
    command += ["--master", master] if master else []
    command += [word for one in conf or () for word in ("--conf", one)]
    command += [str(program.__file__), "run", made.pipeline.file, "--engine", "spark"]
    command += [word for one in settings or () for word in ("--set", one)]
    command += ["--json"] if json else []
    environment = {**os.environ, "PYSPARK_DRIVER_PYTHON": sys.executable}
    environment.setdefault("PYSPARK_PYTHON", sys.executable)
    ended = subprocess.run(command, env=environment, check=False)  # noqa: S603 - the command is ours
    return Outcome(ended.returncode) if ended.returncode in set(Outcome) else Outcome.UNKNOWN
