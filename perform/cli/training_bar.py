"""The progress bar of a training, on stderr."""

from __future__ import annotations

from collections.abc import Callable

from perform.cli.output import log
from perform.train.progress import Progress, ProgressListener


class TrainingBar(ProgressListener):
    """Shows a training's progress in a bar, and its messages above the bar.

    status : returns the text beside the bar
    move   : the function of a `ProgressBar`
    """

    def __init__(
        self, status: Callable[[Progress], str] = lambda _: "", move: Callable[..., None] = lambda *_: None
    ) -> None:
        self._status, self._move = status, move

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        status = f"{self._status(progress)}  {progress.steps_per_s:.1f}/s"
        self._move(progress.step, status, progress.steps)

    def log(self, line: str) -> None:
        """Print a line above the bar."""
        log(line)

    def files_read(self, done: int, files: int) -> None:
        """Print a line for every 100 files."""
        if done % 100 == 0:
            log(f"read {done} of {files} files")
