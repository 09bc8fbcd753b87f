"""Curves and sounds of a training for TensorBoard, if tensorboard is installed. [disk]"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from perform.train.finishing import reconstruct

if TYPE_CHECKING:
    from perform.train.trainer import Trainer

SOUNDS = 3
"""Number of held-out stretches that are written as sound."""


class TensorboardLog:
    """Writes the curves and sounds of a training."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, trainer: Trainer) -> None:
        """Write the last measurement and the reconstructions of a few held-out stretches."""
        last, rate = trainer.history[-1], trainer.config.sample_rate
        for name in ("distance", "improvement", "level_db", "loss"):
            self._writer.add_scalar(name, getattr(last, name), last.step)
        inputs, outputs = reconstruct(trainer.average, trainer.held_out[:SOUNDS])
        for index, (x, y) in enumerate(zip(inputs, outputs, strict=True)):
            both = torch.cat([x, y], -1).mean(0, keepdim=True).clamp(-1, 1).cpu()
            self._writer.add_audio(f"held out {index + 1}: input, then output", both, last.step, rate)


@contextmanager
def open_tensorboard(folder: Path, wanted: bool) -> Iterator[TensorboardLog | None]:
    """Open a log in `<folder>/tensorboard`; None if tensorboard is not installed or not wanted."""
    writer = None
    if wanted:
        try:
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter(str(folder / "tensorboard"))
        except ImportError:
            pass
    try:
        yield TensorboardLog(writer) if writer else None
    finally:
        if writer:
            writer.close()
