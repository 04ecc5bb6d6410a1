"""Numbers as a table or a YAML file writes them, read without Python's leniency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Rule:
    """What a number must be, and in words the end of the sentence 'write ...'."""

    words: str
    low: float = 0.0
    low_allowed: bool = False
    high: float = _LARGEST
    whole: bool = False

    def holds(self, value: float) -> bool:
        """Whether it is met."""
        above = value >= self.low if self.low_allowed else value > self.low
        return above and value <= self.high and (not self.whole or value == int(value))


def number_in(text: str) -> float | None:
    """The finite number that `text` is, or None: 'NaN', 'inf', '1_000' and '0,5' are none."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if abs(value) <= _LARGEST else None


def is_date(text: str) -> bool:
    """Whether it is a day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
