"""A contract from data: what a table says of itself, with the evidence and how far to trust it."""

from stillwell.suggest.cells import Cell, cells
from stillwell.suggest.model import Evidence, Labels, Suggestion
from stillwell.suggest.suggest import suggest

__all__ = ["Cell", "Evidence", "Labels", "Suggestion", "cells", "suggest"]
