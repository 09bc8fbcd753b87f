"""Ranges in TOML: one table with `{1..8}` in it stands for eight tables.

control = "knob {1..8}"      becomes "knob 1", "knob 2"...
to = "deck/{1..8}/gain"      becomes "deck/1/gain", "deck/2/gain"...
send = "note {1, 4, 7..9}"   becomes "note 1", "note 4", "note 7", "note 8", "note 9"
value = "{1..8}"             becomes the numbers 1, 2...
"""

from __future__ import annotations

import re
from typing import Any

from perform.core.errors import WrongUse

MOST = 128  #: tables that one may stand for
_GROUP = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"(\d{1,5})(?:\.\.(\d{1,5}))?")


def count(value: Any) -> int:
    """Return how many tables a table stands for; 1 without a range. WrongUse: its ranges differ."""
    counts = {len(_numbers(group)) for text in _texts(value) for group in _GROUP.findall(text)}
    if len(counts) > 1:
        sizes = ", ".join(map(str, sorted(counts)))
        raise WrongUse(f"ranges of different sizes: {sizes}", hint="write as many numbers in each {...}")
    return counts.pop() if counts else 1


def pick(value: Any, index: int) -> Any:
    """Return a copy of a value, with the number at `index` of each range instead of the range."""
    match value:
        case dict():
            return {pick(key, index): pick(inner, index) for key, inner in value.items()}
        case list():
            return [pick(inner, index) for inner in value]
        case str():
            if whole := _GROUP.fullmatch(value):
                return _numbers(whole[1])[index]
            return _GROUP.sub(lambda group: str(_numbers(group[1])[index]), value)
    return value


def _texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [text for pair in value.items() for inner in pair for text in _texts(inner)]
        case list():
            return [text for inner in value for text in _texts(inner)]
        case str():
            return [value]
    return []


def _numbers(group: str) -> list[int]:
    numbers: list[int] = []
    for part in group.split(","):
        match = _PART.fullmatch(part.strip())
        if not match:
            raise WrongUse(f"not a range: {{{group}}}", hint="write {1..8} or {1, 4, 7}")
        first, last = int(match[1]), int(match[2] or match[1])
        if len(numbers) + abs(last - first) >= MOST:
            raise WrongUse(f"too many numbers in {{{group}}}", hint=f"write {MOST} at most")
        numbers += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return numbers
