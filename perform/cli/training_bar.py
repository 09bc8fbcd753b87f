"""The progress bar of a training, on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from perform.cli.output import log
from perform.train.progress import Progress, ProgressListener


class TrainingBar(ProgressListener):
    """Shows a training's progress in a bar, and its messages above the bar.

    status  : returns the text beside the bar
    move    : the function of a `ProgressBar`
    history : a file that its messages are appended to, with the time; None: no file
    """

    def __init__(
        self,
        status: Callable[[Progress], str] = lambda _: "",
        move: Callable[..., None] = lambda *_: None,
        history: Path | None = None,
    ) -> None:
        self._status, self._move, self._history = status, move, history

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        status = f"{self._status(progress)}  {progress.steps_per_s:.1f}/s"
        self._move(progress.step, status, progress.steps)

    def log(self, line: str) -> None:
        """Print a line above the bar, and keep it in the file."""
        log(line)
        if self._history is not None:
            with contextlib.suppress(OSError):  # a full disk ends no training for its history
                self._history.parent.mkdir(parents=True, exist_ok=True)
                with self._history.open("a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}\n")

    def files_read(self, done: int, files: int) -> None:
        """Print a line for every 100 files."""
        if done % 100 == 0:
            log(f"read {done} of {files} files")
