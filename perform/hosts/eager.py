"""Our RAVE in eager torch: one frame a call, one intra-op thread."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from perform.hosts.host import Vector
from perform.library.cards import Card
from perform.rave.files import load


class EagerHost:
    """[render] A `.safetensors` model; see `perform.hosts.host.Host`."""

    card: Card
    gesture: npt.NDArray[np.float32]

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)  # more made the worst frames 5 to 20 times slower
        torch.set_flush_denormal(True)
        self._model = load(path).eval()
        self.card = msgspec.convert(self._model.card, Card)
        self.gesture = self._model.gesture.numpy()
        self.reset()

    def reset(self) -> None:
        """The decoder's caches back to silence."""
        self._state = self._model.decoder_state(1)

    @torch.inference_mode()
    def render(self, z: Vector, noise: Vector) -> Vector:
        """One frame: (latents,), (full_latents - latents,) -> (ratio,)."""
        y, self._state = self._model.decode(
            torch.from_numpy(z)[None, :, None], torch.from_numpy(noise)[None, :, None], self._state
        )
        samples: Vector = y[0, 0].numpy()  # (1, 1, ratio) -> (ratio,)
        return samples
