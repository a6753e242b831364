"""Judges windows of event time by what was counted in them."""

from stillwell.monitor.windows.cut import grain, grouped_by
from stillwell.monitor.windows.judge import Expectations
from stillwell.monitor.windows.refuse import unjudged

__all__ = ["Expectations", "grain", "grouped_by", "unjudged"]
"""What others need of it."""
