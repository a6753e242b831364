"""The command `stillwell`: one file a verb; what an author of a verb must know is in `base`."""

from stillwell.cli._app import main as main
