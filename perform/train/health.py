"""What a measurement on held-out sound means: whether to go on, to move on, or to go back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

PATIENCE = 6
"""Measurements without progress after which a phase has flattened."""
PROGRESS = 0.01
"""Share by which the distance must have shrunk to count as progress."""
SILENT_DB = 40.0
"""How far below its input an output is that has collapsed..."""
ALIVE_DB = 20.0
"""... if it was once this near."""


@dataclass(frozen=True)
class Measurement:
    """How a model did on held-out sound."""

    step: int
    phase: int
    distance: float
    heard: float
    """Percent: how much of the untrained model's distance is gone."""
    level_db: float
    """Of the output above the input."""
    loss: float
    """Of the batches since the last, on average."""
    seconds: float
    """Trained for, all in all."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def heard(distance: float, untrained: float) -> float:
    """Percent of the untrained model's distance that is gone: 0 is noise to the ear, 100 the very sound."""
    return 100 * max(0.0, 1 - distance / untrained) if math.isfinite(distance) else 0.0


def flattened(history: Sequence[Measurement]) -> bool:
    """Whether phase 1 gets nowhere any more."""
    first = [measured.distance for measured in history if measured.phase == 1]
    if len(first) < 2 * PATIENCE:
        return False
    return min(first[-PATIENCE:]) > (1 - PROGRESS) * min(first[:-PATIENCE])


def trouble(now: Measurement, history: Sequence[Measurement]) -> str | None:
    """What is wrong with a measurement after those before it; None if nothing is."""
    if not math.isfinite(now.distance):
        return "the output is not a number"
    if now.level_db < -SILENT_DB and any(before.level_db > -ALIVE_DB for before in history):
        return "the output has collapsed to silence"
    return None
