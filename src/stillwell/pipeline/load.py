"""Reads a pipeline: YAML text to a frozen `Pipeline`, or every problem of the file at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillwell.contract.read import Broken, read, read_text
from stillwell.contract.shapes import Reading
from stillwell.engines.base import EpochLimits
from stillwell.errors import PipelineError
from stillwell.pipeline.grammar import PIPELINE
from stillwell.pipeline.model import Limits, Monitor, Pipeline
from stillwell.pipeline.outside import Filler, Outside, env_file
from stillwell.pipeline.settings import with_settings


def load(path: str | Path, settings: Sequence[str] = ()) -> Pipeline:
    """The pipeline in a file, with `settings` (`source.generator.rows=1000`) in place of what it says.

    Raises:
        PipelineError: with all problems of the file, each with line and column; code `unreadable` for no file.
    """
    return parse(read_text(Path(path), PipelineError), file=str(path), settings=settings)


def parse(
    text: str, *, file: str = "", settings: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> Pipeline:
    """The pipeline in a text; `file` names it in errors, and its folder is where relative paths start from.

    Settings come first: what they replace is not filled in and may be unset.

    Raises:
        PipelineError: with all problems of the text, each with line and column; code `unset` for a reference to none.
    """
    reading = Reading()
    node = read(text, file, reading.problems)
    if isinstance(node, Broken):
        reading.problems.stop(PipelineError)
    folder = Path(file).parent if file else Path()
    node = with_settings(node, settings, reading.problems)
    told = env_file(node, folder, reading.problems)
    # Without the file, references to what it says would all be problems too.
    reading.problems.stop(PipelineError)
    filler = Filler({**told, **environment}, folder, reading.problems)
    node = filler.fill(node)
    outside = Outside(filler.values)
    with outside.masking():
        values = PIPELINE.read(node, "", reading) or {}
        reading.problems.stop(PipelineError)
    values.pop("env", None)
    monitor = values.pop("monitor", None)
    return Pipeline(
        name=values.pop("pipeline"),
        epoch=EpochLimits(**values.pop("epoch", {})),
        limits=Limits(**values.pop("limits", {})),
        monitor=None if monitor is None else Monitor(**monitor),
        **values,
        file=file,
        places=reading.places,
        outside=outside,
    )
