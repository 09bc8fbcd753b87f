"""Progress reports of a training. Needs no torch, so that a command can import it quickly."""

from __future__ import annotations

from dataclasses import dataclass

from perform.core.errors import PerformError


@dataclass(frozen=True)
class Progress:
    """The state of a training after a step."""

    step: int
    steps: int
    """Steps of both phases, as planned now."""
    phase: int
    loss: float
    """Loss of the last batch."""
    distance: float
    """Distance on held-out audio at the last measurement; NaN before the first."""
    heard: float
    """Percent of the untrained model's distance that is gone."""
    steps_per_s: float
    eta_s: float


class ProgressListener:
    """Receives the reports of a training; the default ignores them."""

    def progress(self, progress: Progress) -> None:
        """A step was done. In several processes or on a GPU only some steps are reported."""

    def say(self, line: str) -> None:
        """A line of text for the user."""

    def preparing(self, done: int, files: int) -> None:
        """`done` of `files` sound files have been read."""


class Stopped(PerformError):
    """A training was interrupted; its checkpoint is on disk."""

    exit_code = 130
