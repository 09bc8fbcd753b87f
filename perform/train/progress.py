"""What a training tells whoever started it. No torch: a verb makes one before it imports the loop."""

from __future__ import annotations

from dataclasses import dataclass

from perform.core.errors import PerformError


@dataclass(frozen=True)
class Progress:
    """Where a training stands."""

    step: int
    steps: int
    """All in all, as far as that is known."""
    phase: int
    loss: float
    """Of this step's batch."""
    distance: float
    """On held-out audio, when last measured; NaN before."""
    heard: float
    """Percent of the untrained model's distance that is gone."""
    steps_per_s: float
    eta_s: float


class ProgressListener:
    """What a training tells; the default is silence."""

    def progress(self, progress: Progress) -> None:
        """After every step that was looked at."""

    def say(self, line: str) -> None:
        """Something a player should know."""

    def preparing(self, done: int, files: int) -> None:
        """So many sound files have been read."""


class Stopped(PerformError):
    """A training was interrupted; its checkpoint is on disk."""

    exit_code = 130
