"""A training as the verbs show it."""

from __future__ import annotations

from collections.abc import Callable

from perform.cli.output import say
from perform.train.progress import Progress, ProgressListener


class TrainingBar(ProgressListener):
    """A bar on stderr, with lines above it.

    words : what a step is told in;  move : of `words.progress`
    """

    def __init__(
        self, words: Callable[[Progress], str] = lambda _: "", move: Callable[..., None] = lambda *_: None
    ) -> None:
        self._words, self._move = words, move

    def progress(self, progress: Progress) -> None:
        """Move it."""
        words = f"{self._words(progress)}  {progress.steps_per_s:.1f}/s"
        self._move(progress.step, words, progress.steps)

    def say(self, line: str) -> None:
        """A line above it."""
        say(line)

    def preparing(self, done: int, files: int) -> None:
        """Tell every so many files."""
        if done % 100 == 0:
            say(f"read {done} of {files} files")
