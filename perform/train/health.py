"""Health of a training, from measurements on held-out sound: progress, a plateau, or failure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

PLATEAU = 6
"""A phase has reached a plateau after this many measurements without progress."""
PROGRESS = 0.01
"""Progress means that the distance has shrunk by this share."""
SILENT_DB = 40.0
"""An output this far below its input has collapsed ..."""
ALIVE_DB = 20.0
"""... if an earlier output was at most this far below."""


@dataclass(frozen=True)
class Measurement:
    """One measurement on held-out sound."""

    step: int
    phase: int
    distance: float
    improvement: float
    """By how many percent the distance is smaller than the untrained model's."""
    level_db: float
    """Level of the output relative to the input, dB."""
    loss: float
    """Mean training loss since the last measurement."""
    seconds: float
    """Seconds of training so far."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the keys of checkpoint files."""
        values = asdict(self)
        return {"heard" if key == "improvement" else key: value for key, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement:
        """Read the values in a checkpoint."""
        return cls(**{"improvement" if key == "heard" else key: value for key, value in values.items()})


def improvement(distance: float, untrained: float) -> float:
    """Return by how many percent a distance is smaller than the untrained model's; 100 is a perfect copy."""
    return 100 * max(0.0, 1 - distance / untrained) if math.isfinite(distance) else 0.0


def reached_plateau(history: Sequence[Measurement]) -> bool:
    """Return whether phase 1 no longer makes progress."""
    first = [measured.distance for measured in history if measured.phase == 1]
    if len(first) < 2 * PLATEAU:
        return False
    return min(first[-PLATEAU:]) > (1 - PROGRESS) * min(first[:-PLATEAU])


def failure(now: Measurement, history: Sequence[Measurement]) -> str | None:
    """Return what is wrong with a measurement, given the earlier ones; None if it is healthy."""
    if not math.isfinite(now.distance):
        return "the output is NaN or infinite"
    if now.level_db < -SILENT_DB and any(before.level_db > -ALIVE_DB for before in history):
        return "the output has collapsed to silence"
    return None


def verdict(history: Sequence[Measurement]) -> str:
    """Return one line about the last measurement: how good it is, and whether to go on."""
    now = history[-1]
    minutes = f"{now.seconds / 60:.{0 if now.seconds >= 600 else 1}f} minutes"
    line = (
        f"step {now.step}, {minutes}: distance {now.distance:.2f} on held-out sound, "
        f"{now.improvement:.0f} % better than untrained"
    )
    if now.phase == 2:
        return f"{line}; phase 2 may raise the distance while the sound gets better: listen to a --snapshot"
    distances = [measured.distance for measured in history if measured.phase == 1]
    recent = min(PLATEAU, len(distances) // 2)
    if not recent:
        return line
    before, after = min(distances[:-recent]), min(distances[-recent:])
    gain = 100 * (1 - after / before)
    since = "the measurement before" if recent == 1 else f"{recent} measurements ago"
    if gain < 100 * PROGRESS:
        return f"{line}; no better than {since}: hardly worth going on"
    return f"{line}; {gain:.0f} % better than {since}: worth going on"
