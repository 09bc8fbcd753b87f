"""From bands to the posterior of the latents.

Two bodies, one contract: (B, bands, n * stride) -> (B, 2 x full_latents, n), the posterior's mean
and then its raw scale. `convolutional` is RAVE v2's (Caillon & Esling, arXiv 2111.05011).
`spectral` starts from log magnitudes instead: which partials sound, and how loud, is then plain to
see, so a small model finds more than loudness within minutes of training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from perform.rave.config import Config
from perform.rave.stream import Chain, Conv1d, LeakyReLU, ResidualUnit, State, Streaming


class Encoder(Streaming):
    """The posterior of the latents, with the body its config names."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.net = spectral(config) if config.encoder == "spectral" else convolutional(config)
        self.states = self.net.states

    def init_state(self, batch: int) -> State:
        """The state before the first band sample."""
        return self.net.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, bands, n * stride) -> (B, 2 x full_latents, n)."""
        y, state = self.net(x, state)
        return y, state


def convolutional(config: Config) -> Chain:
    """A convolution, then stages: dilated residual units, a strided convolution that doubles the channels."""
    channels = config.capacity
    layers: list[Streaming] = [Conv1d(config.bands, channels, 2 * config.kernel + 1)]
    for ratio, dilations in zip(config.ratios, config.dilations, strict=True):
        layers += [ResidualUnit(channels, config.kernel, dilation) for dilation in dilations]
        layers += [LeakyReLU(), Conv1d(channels, 2 * channels, 2 * ratio, stride=ratio)]
        channels *= 2
    return Chain(*layers, LeakyReLU(), Conv1d(channels, 2 * config.full_latents, config.kernel))


def spectral(config: Config) -> Chain:
    """Log spectra once a frame, then two residual units at frame rate."""
    hop, channels = math.prod(config.ratios), 8 * config.capacity
    spectrum = Spectrum(config.bands, hop)
    head = Conv1d(channels, 2 * config.full_latents, config.kernel)
    with torch.no_grad():
        head.bias[config.full_latents :] = -1  # a posterior narrow enough for the decoder to hear the latents
    return Chain(
        spectrum,
        Conv1d(spectrum.features, channels, 1),
        ResidualUnit(channels, config.kernel, 1),
        ResidualUnit(channels, config.kernel, 2),
        LeakyReLU(),
        head,
    )


class Spectrum(Streaming):
    """Log magnitudes of every band, (B, bands, n * hop) -> (B, features, n).

    A window of four hops tells partials apart, one of a single hop tells when something starts.
    Both end at the newest sample. -80..0 dBFS become -1..1.
    """

    states = 1
    long: Tensor  # (2 x bins, 1, 4 x hop): cosines, then sines
    short: Tensor  # (2 x bins, 1, hop)

    def __init__(self, bands: int, hop: int) -> None:
        super().__init__()
        self.bands, self.hop, self.memory = bands, hop, 3 * hop
        self.features = bands * (2 * hop + 1 + hop // 2 + 1)
        self.register_buffer("long", _fourier(4 * hop), persistent=False)
        self.register_buffer("short", _fourier(hop), persistent=False)

    def init_state(self, batch: int) -> State:
        """[(batch, bands, 3 x hop)]."""
        return [self.long.new_zeros(batch, self.bands, self.memory)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, bands, n * hop) -> (B, features, n)."""
        past = torch.cat([state[0], x], -1)
        after = past[..., past.shape[-1] - self.memory :]
        features = [self._levels(past, self.long), self._levels(x, self.short)]
        return torch.cat(features, 1), [after]

    def _levels(self, x: Tensor, kernel: Tensor) -> Tensor:
        spectrum = conv1d(x.reshape(-1, 1, x.shape[-1]), kernel, stride=self.hop)  # (B * bands, 2 * bins, n)
        real, imaginary = spectrum.chunk(2, 1)
        level = torch.log10(real.square() + imaginary.square() + 1e-8) / 4 + 1
        return level.reshape(len(x), -1, level.shape[-1])  # (B * bands, bins, n) -> (B, bands * bins, n)


def _fourier(size: int) -> Tensor:
    """Hann-windowed cosines and sines, a full-scale one of which has magnitude 1: (2 x bins, 1, size)."""
    time = torch.arange(size, dtype=torch.float64)
    angle = 2 * math.pi / size * torch.outer(torch.arange(size // 2 + 1), time)
    window = torch.hann_window(size, dtype=torch.float64)
    waves = torch.cat([angle.cos(), angle.sin()]) * window * (2 / window.sum())
    return waves[:, None].float()
