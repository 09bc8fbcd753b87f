"""From latents to bands: RAVE v2's generator (Caillon & Esling, arXiv 2111.05011)."""

from __future__ import annotations

import torch
from torch import Tensor

from perform.rave.config import Config
from perform.rave.stream import Chain, Conv1d, ConvTranspose1d, LeakyReLU, ResidualUnit, State, Streaming


class Decoder(Streaming):
    """(B, full_latents, n) -> (B, bands, n * stride), each band within -1..1.

    The encoder mirrored: each stage is a transposed convolution that halves the channels and a
    stack of dilated residual units. The last convolution gives every band a wave and an amplitude.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        channels = config.capacity * 2 ** len(config.ratios)
        layers: list[Streaming] = [Conv1d(config.full_latents, channels, config.kernel)]
        for ratio, dilations in zip(reversed(config.ratios), reversed(config.dilations), strict=True):
            layers += [LeakyReLU(), ConvTranspose1d(channels, channels // 2, ratio)]
            channels //= 2
            layers += [ResidualUnit(channels, config.kernel, dilation) for dilation in dilations]
        layers += [LeakyReLU(), Conv1d(channels, 2 * config.bands, 2 * config.kernel + 1)]
        self.net = Chain(*layers)
        self.states = self.net.states

    def init_state(self, batch: int) -> State:
        """The state before the first frame."""
        return self.net.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, full_latents, n) -> (B, bands, n * stride)."""
        y, state = self.net(x, state)  # (B, 2 x bands, n * stride)
        wave, amplitude = y.chunk(2, 1)
        return torch.tanh(wave * torch.sigmoid(amplitude)), state
