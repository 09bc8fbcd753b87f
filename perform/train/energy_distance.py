"""The spectral energy distance: a loss that learns noise as noise (Gritsenko et al., arXiv 2008.01160).

Two noises of one colour never match, so the spectral distance drives noise out of a model and leaves a buzz.
The energy distance compares the target x with two outputs y and y' of the same latents, with different noise:
(d(x, y) + d(x, y') - d(y, y')) / 2. That is smallest if the outputs differ from each other as much as from
the target: if they are as random as the sound. Without noise in the output it is the spectral distance.
The averaged distance is added to it (losses.py): it finds level and colour of a noise faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from perform.train.losses import (
    BAND_SCALES,
    FLOOR,
    FULL_SCALES,
    compared_spectra,
    spectra_adjoint,
)


def energy_distance(x: Tensor, y: Tensor, other: Tensor, bands: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the full-band plus the multiband energy distance: a scalar, near 0 or above.

    x, y, other : target and two outputs, (B, channels, n)
    bands       : their bands, (B, bands, n / bands) each
    """
    full = [sound.flatten(0, 1).float() for sound in (x.detach(), y, other)]
    parts = [part.flatten(0, 1).float() for part in (bands[0].detach(), *bands[1:])]
    first: Tensor = _EnergyDistance.apply(*full, FULL_SCALES)  # type: ignore[no-untyped-call]
    second: Tensor = _EnergyDistance.apply(*parts, BAND_SCALES)  # type: ignore[no-untyped-call]
    return first + second


class _EnergyDistance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, other: Tensor, scales: Sequence[int]) -> Tensor:
        total, slope = x.new_zeros(()), torch.zeros(2 * len(y), y.shape[1], device=y.device)
        for size in scales:
            apart, one = _one_scale(torch.cat([x, y, other]), size)
            total, slope = total + apart, slope + one
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[None, Tensor, Tensor, None]:
        y, other = (ctx.saved_tensors[0] * outer).chunk(2)
        return None, y, other, None


def _one_scale(sounds: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Distance of target and two outputs, (3 x B, n), at one STFT size; its gradient by the outputs."""
    spectrum, magnitudes, levels = compared_spectra(sounds, size)
    size_of = magnitudes.chunk(3)
    level_of = levels.chunk(3)
    whole = torch.linalg.vector_norm(size_of[0])
    total = magnitudes.new_zeros(())
    slopes = [torch.zeros_like(size_of[0]) for _ in range(3)]
    for a, b, weight in ((0, 1, 0.5), (0, 2, 0.5), (1, 2, -0.5)):
        off, apart = size_of[b] - size_of[a], level_of[b] - level_of[a]
        norm = torch.linalg.vector_norm(off)
        total = total + weight * (norm / whole + apart.abs().mean())
        off *= weight / (norm * whole).clamp(min=1e-20)
        sign = apart.sign_().mul_(weight / apart.numel())
        for place, direction in ((a, -1.0), (b, 1.0)):
            slopes[place] += direction * (off + sign / (size_of[place] + FLOOR))
    slope = torch.cat(slopes[1:]) / torch.cat(size_of[1:])  # by magnitude, to by spectrum
    count = len(sounds) // 3
    return total, spectra_adjoint(spectrum[count:] * slope, size, sounds.shape[1])
