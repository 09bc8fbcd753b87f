"""Progress reports of a training. This module needs no torch, so that a command starts quickly."""

from __future__ import annotations

from dataclasses import dataclass

from perform.core.errors import PerformError


@dataclass(frozen=True)
class Progress:
    """The state of a training after a step."""

    step: int
    steps: int
    """Planned steps of both phases."""
    phase: int
    loss: float
    """Loss of the last batch."""
    distance: float
    """Distance on held-out sound at the last measurement; NaN before the first."""
    improvement: float
    """By how many percent the distance is smaller than the untrained model's."""
    steps_per_s: float
    eta_s: float
    """Estimated seconds until the end."""


class ProgressListener:
    """Receives the reports of a training. This base class ignores them."""

    def progress(self, progress: Progress) -> None:
        """Receive progress after a step. With several processes or a GPU, only some steps are reported."""

    def log(self, line: str) -> None:
        """Receive a message for the user."""

    def files_read(self, done: int, files: int) -> None:
        """Receive the number of sound files that have been read, and of all."""


class Stopped(PerformError):
    """A training was interrupted; its checkpoint is on disk."""

    exit_code = 130
