"""Training: a corpus in, a model file out. Resumable to the bit, deterministic by seed.

Knows nothing of terminals: progress goes to a callback.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import torch

from perform.errors import PerformError, WrongUse
from perform.rave.data import Corpus, Skipped
from perform.rave.model import RAVE
from perform.rave.trainer import Trainer, TrainOptions

__all__ = ["Progress", "Stopped", "TrainOptions", "snapshot", "train"]


@dataclass(frozen=True)
class Progress:
    """Where a training stands."""

    step: int
    steps: int
    loss: float
    """Of this step's batch."""
    distance: float
    """On held-out audio, when last measured; NaN before."""
    steps_per_s: float
    eta_s: float


class Stopped(PerformError):
    """A training was interrupted; its checkpoint is on disk."""

    exit_code = 130


def train(
    options: TrainOptions,
    on_progress: Callable[[Progress], None] | None = None,
    skipped: Skipped | None = None,
) -> RAVE:
    """Train to `options.steps`, write the model file, return the model.

    on_progress : called after every step
    skipped : told each sound file that could not be read, and why
    Ctrl-C finishes the step, saves a checkpoint and raises Stopped.
    """
    _check(options)
    torch.set_num_threads(options.threads)
    corpus = Corpus.open(options.corpus, options.config.sample_rate, options.folder, skipped)
    trainer = Trainer(options, corpus)
    if options.resume:
        trainer.load()
    saved, started, first = time.monotonic(), time.monotonic(), trainer.step
    with _interruption() as interrupted:
        while trainer.step < options.steps:
            loss = trainer.advance()
            if on_progress:
                speed = (trainer.step - first) / (time.monotonic() - started)
                left = (options.steps - trainer.step) / speed
                on_progress(Progress(trainer.step, options.steps, loss, trainer.distance, speed, left))
            if interrupted.is_set() or time.monotonic() - saved > options.checkpoint_every:
                trainer.save()
                saved = time.monotonic()
            if interrupted.is_set():
                raise Stopped(
                    f"stopped after step {trainer.step} of {options.steps}",
                    where=str(options.checkpoint),
                    hint="the same command with --resume goes on from here",
                )
    trainer.save()
    return trainer.finish()


def snapshot(options: TrainOptions) -> RAVE:
    """Write the model file from the checkpoint as it stands, leaving the training as it is."""
    corpus = Corpus.open(options.corpus, options.config.sample_rate, options.folder)
    trainer = Trainer(options, corpus)
    trainer.load()
    return trainer.finish()


def _check(options: TrainOptions) -> None:
    config = options.config
    if config.bottleneck != "variational" or config.channels > 1 or config.resampling > 1:
        raise WrongUse(
            "only mono models with a variational bottleneck can be trained",
            hint="live, v1, v2, v2_small, v3, causal, noise or raspberry",
        )
    if options.crop % options.config.ratio or options.crop < 4096:
        raise WrongUse(
            f"a crop of {options.crop}", hint=f"a multiple of {options.config.ratio}, 4096 at least"
        )
    if options.steps < 1 or options.batch < 1 or options.threads < 1:
        raise WrongUse("steps, batch and threads must be 1 or more")
    if options.checkpoint.exists() and not options.resume:
        raise WrongUse(
            "a training with this output was begun before",
            where=str(options.checkpoint),
            hint="use --resume to go on, or delete that folder",
        )


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, instead of raising in the middle of a step."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: FrameType | None) -> None:
        event.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
