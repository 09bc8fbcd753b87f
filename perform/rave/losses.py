"""How far two sounds are apart: the multi-scale spectral distance of RAVE, section 3.1.1.

For each STFT size, a relative Frobenius distance of magnitudes (what is loud must be right) plus
a mean difference of their logarithms (so must what is quiet). Phase is left free.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from perform.rave.pqmf import PQMF

FULL_SCALES = (2048, 1024, 512, 256, 128)
"""STFT sizes in samples."""
BAND_SCALES = (128, 64, 32, 16)
"""STFT sizes in band samples, each worth `bands` samples."""
FLOOR = 1e-4
"""Magnitudes are compared down to -80 dBFS."""


@cache
def _window(size: int) -> Tensor:
    window = torch.hann_window(size)
    return window / window.sum() * 2  # a full-scale sine has magnitude 1


def magnitudes(x: Tensor, size: int) -> Tensor:
    """STFT magnitudes of signals (B, n), hop size / 4: (B, size / 2 + 1, frames)."""
    spectrum = torch.stft(x, size, size // 4, window=_window(size), center=True, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return (power + FLOOR**2 * 1e-2).sqrt()  # finite slope at silence


def spectral_distance(x: Tensor, y: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Sum over `scales` of the distances between `y` and its target `x`, both (B, n): a scalar >= 0."""
    total = x.new_zeros(())
    for size in scales:
        a, b = magnitudes(x, size), magnitudes(y, size)
        relative = torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(a)
        total = total + relative + ((a + FLOOR).log() - (b + FLOOR).log()).abs().mean()
    return total


def distance(x: Tensor, y: Tensor, x_bands: Tensor, y_bands: Tensor) -> Tensor:
    """Full-band plus multiband distance of signals (B, 1, n) and their bands (B, bands, n / bands)."""
    full = spectral_distance(x.flatten(0, 1), y.flatten(0, 1), FULL_SCALES)
    return full + spectral_distance(x_bands.flatten(0, 1), y_bands.flatten(0, 1), BAND_SCALES)


def audio_distance(x: Tensor, y: Tensor, pqmf: PQMF) -> Tensor:
    """The same for signals (B, 1, n) in step with one another; n a multiple of `pqmf.block`."""
    batch = x.shape[0]
    x_bands, _ = pqmf.analyse(x, pqmf.analysis_state(batch))
    y_bands, _ = pqmf.analyse(y, pqmf.analysis_state(batch))
    return distance(x, y, x_bands, y_bands)


def divergence(mean: Tensor, std: Tensor) -> Tensor:
    """KL divergence from a standard normal, nats a frame, of posteriors (B, full_latents, n)."""
    return 0.5 * (mean.square() + std.square() - 2 * std.log() - 1).sum(1).mean()
