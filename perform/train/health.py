"""Health of a training by its measurements on held-out sound: go on, begin phase 2, or go back."""

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
"""An output so far below its input has collapsed..."""
ALIVE_DB = 20.0
"""... if it was once within this."""


@dataclass(frozen=True)
class Measurement:
    """One measurement on held-out sound."""

    step: int
    phase: int
    distance: float
    heard: float
    """Percent of the untrained model's distance that is gone."""
    level_db: float
    """Level of the output above the input, dB."""
    loss: float
    """Mean training loss since the last measurement."""
    seconds: float
    """Seconds of training so far."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)


def heard(distance: float, untrained: float) -> float:
    """Percent of the untrained model's distance that is gone: 100 would be the input itself."""
    return 100 * max(0.0, 1 - distance / untrained) if math.isfinite(distance) else 0.0


def flattened(history: Sequence[Measurement]) -> bool:
    """Whether phase 1 no longer makes progress."""
    first = [measured.distance for measured in history if measured.phase == 1]
    if len(first) < 2 * PATIENCE:
        return False
    return min(first[-PATIENCE:]) > (1 - PROGRESS) * min(first[:-PATIENCE])


def trouble(now: Measurement, history: Sequence[Measurement]) -> str | None:
    """What is wrong with a measurement, given those before it; None if it is healthy."""
    if not math.isfinite(now.distance):
        return "the output is NaN or infinite"
    if now.level_db < -SILENT_DB and any(before.level_db > -ALIVE_DB for before in history):
        return "the output has collapsed to silence"
    return None
