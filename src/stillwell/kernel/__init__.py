"""The judge: Arrow in, Arrow out; knows no engine and no connector."""

from stillwell.kernel.base import Format, Judged
from stillwell.kernel.judge import Kernel

__all__ = ["Format", "Judged", "Kernel"]
