"""Streams for blocks that are no multiple of a frame: they keep the remainder. [render]

The two classes hold one stream's state; the model holds the weights and may serve many streams.
"""

from __future__ import annotations

import torch
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.model import RAVE


class EncoderStream:
    """Any number of samples in, the frames they complete out."""

    def __init__(self, model: RAVE, batch: int = 1) -> None:
        self.model = model
        self.state = model.encoder_state(batch)
        self.rest = torch.zeros(batch, model.config.channels, 0)
        """(B, channels, less than a frame) samples that wait for the rest of their frame."""

    @torch.inference_mode()
    def push(self, x: Tensor) -> Tensor:
        """Samples (B, channels, n), any n, to latents (B, latents, frames completed), perhaps none."""
        x = torch.cat([self.rest, x], -1)
        whole = x.shape[-1] // self.model.ratio * self.model.ratio
        self.rest = x[..., whole:].clone()
        if not whole:
            return x.new_zeros(len(x), self.model.latents, 0)
        z, self.state = self.model.encode(x[..., :whole], self.state)
        return z


class DecoderStream:
    """Frames in, any number of samples out, once the frames for them are there."""

    def __init__(self, model: RAVE, batch: int = 1) -> None:
        self.model = model
        self.state = model.decoder_state(batch)
        self.ready = torch.zeros(batch, model.config.channels, 0)
        """(B, channels, n) samples decoded and not yet taken."""

    def missing(self, samples: int) -> int:
        """Frames to push before `samples` samples can be pulled."""
        return max(0, -(-(samples - self.ready.shape[-1]) // self.model.ratio))

    @torch.inference_mode()
    def push(self, z: Tensor, noise: Tensor | None = None) -> None:
        """Decode latents (B, latents, n); `noise` as in RAVE.decode, zeros if left out."""
        if noise is None:
            noise = z.new_zeros(len(z), self.model.noise, z.shape[-1])
        y, self.state = self.model.decode(z, noise, self.state)
        self.ready = torch.cat([self.ready, y], -1)

    def pull(self, samples: int) -> Tensor:
        """The next `samples` samples, (B, channels, samples)."""
        if frames := self.missing(samples):
            raise WrongUse(f"{samples} samples asked for, but {frames} frames short of them")
        y, self.ready = self.ready[..., :samples], self.ready[..., samples:]
        return y
