"""The multi-scale spectral distance between two sounds (RAVE, arXiv 2111.05011, section 3.1.1).

For each STFT size it adds two distances. The relative Frobenius distance of the magnitudes weighs loud parts;
the mean difference of their logarithms weighs quiet parts. Phase is ignored.

Two noises of one colour never match in the distance, so it drives noise out of a model. The averaged distance
compares the mean powers of mel bands over some frames, where they do match. A pitched model trains on both.

The distance and its gradient are computed together, in half the time of autograd: both signals share one
transform, the adjoint transforms the gradient back, and no intermediate results are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from perform.rave.pqmf import PQMF

FULL_SCALES = (2048, 1024, 512, 256, 128)
"""STFT sizes for the full-band signal, in samples."""
BAND_SCALES = (128, 64, 32, 16)
"""STFT sizes for the bands, in band samples."""
OVERLAP = 4
"""Number of STFT frames that contain each sample."""
AVERAGED_SCALES = ((2048, 8), (512, 32))
"""STFT sizes of the averaged distance, in samples, and how many frames are averaged."""
MELS = 64
"""Mel bands of the averaged distance."""
FLOOR = 1e-4
"""Magnitudes are compared down to -80 dBFS."""


@cache
def _window(size: int, device: torch.device) -> Tensor:
    window = torch.hann_window(size, device=device)
    return window / window.sum() * 2  # a full-scale sine has magnitude 1


def spectra(x: Tensor, size: int) -> Tensor:
    """Return the STFT of signals (B, n), mirrored at both ends: complex, (B, frames, size / 2 + 1)."""
    mirrored = pad(x[:, None], (size // 2, size // 2), mode="reflect")[:, 0]
    frames = mirrored.unfold(-1, size, size // OVERLAP)  # (B, frames, size)
    spectrum: Tensor = torch.fft.rfft(frames * _window(size, x.device))
    return spectrum


def spectra_adjoint(slope: Tensor, size: int, length: int) -> Tensor:
    """Apply the transpose of `spectra`: from a gradient by spectrum to one by sample, (B, length).

    slope : complex, the gradient by real and imaginary part; it is overwritten
    """
    hop, half = size // OVERLAP, size // 2
    slope[..., 1:-1] *= 0.5  # irfft counts each of these bins twice
    frames = torch.fft.irfft(slope, size) * (_window(size, slope.device) * size)
    batch, count, _ = frames.shape
    mirrored = frames.new_zeros(batch, count + OVERLAP - 1, hop)
    for part in range(OVERLAP):
        mirrored[:, part : part + count] += frames[..., part * hop : (part + 1) * hop]
    sums = mirrored.flatten(1)
    sums = pad(sums, (0, max(0, length + size - sums.shape[1])))  # samples that no frame reaches
    y = sums[:, half : half + length].clone()
    y[:, 1 : half + 1] += sums[:, :half].flip(1)
    y[:, length - half - 1 : length - 1] += sums[:, half + length : size + length].flip(1)
    return y


def compared_spectra(x: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return STFT, magnitudes and log magnitudes of signals (B, n): (B, frames, size / 2 + 1) each."""
    spectrum = spectra(x, size)
    parts = torch.view_as_real(spectrum)
    power = parts[..., 0].square().addcmul_(parts[..., 1], parts[..., 1])
    magnitudes = power.add_(FLOOR**2 * 1e-2).sqrt_()  # finite gradient at silence
    return spectrum, magnitudes, (magnitudes + FLOOR).log_()


def _one_scale(xy: Tensor, size: int, with_slope: bool) -> tuple[Tensor, Tensor | None]:
    """Return the distance of targets and values, (2 x B, n), at one STFT size, and its gradient by value."""
    spectrum, magnitudes, levels = compared_spectra(xy, size)
    half = len(xy) // 2
    target, value = magnitudes[:half], magnitudes[half:]
    off, apart = value - target, levels[half:] - levels[:half]
    norm, whole = torch.linalg.vector_norm(off), torch.linalg.vector_norm(target)
    distance = norm / whole + apart.abs().mean()
    if not with_slope:
        return distance, None
    off /= (norm * whole).clamp(min=1e-20)
    off.addcdiv_(apart.sign_(), value + FLOOR, value=1 / apart.numel())
    off /= value  # from the gradient by magnitude to the gradient by spectrum
    return distance, spectra_adjoint(spectrum[half:] * off, size, xy.shape[1])


class _SpectralDistance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, scales: tuple[int, ...]) -> Tensor:
        xy = torch.cat([x, y])
        total, slope = x.new_zeros(()), torch.zeros_like(y)
        for size in scales:
            distance, one = _one_scale(xy, size, ctx.needs_input_grad[1])
            total = total + distance
            if one is not None:
                slope += one
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[None, Tensor, None]:
        (slope,) = ctx.saved_tensors
        return None, slope * outer, None


def spectral_distance(x: Tensor, y: Tensor, scales: Sequence[int]) -> Tensor:
    """Return the distance between `y` and its target `x`, both (B, n), summed over `scales`: a scalar >= 0.

    Only `y` gets a gradient. n must be more than half the largest scale.
    """
    result: Tensor = _SpectralDistance.apply(x.detach().float(), y.float(), tuple(scales))  # type: ignore[no-untyped-call]
    return result


def distance(x: Tensor, y: Tensor, x_bands: Tensor, y_bands: Tensor) -> Tensor:
    """Return the full-band plus the multiband distance.

    x, y             : target and output, (B, channels, n)
    x_bands, y_bands : their bands, (B, bands, n / bands)
    """
    full = spectral_distance(x.flatten(0, 1), y.flatten(0, 1), FULL_SCALES)
    return full + spectral_distance(x_bands.flatten(0, 1), y_bands.flatten(0, 1), BAND_SCALES)


def averaged_distance(x: Tensor, y: Tensor, sample_rate: int) -> Tensor:
    """Return the mean difference of the log powers of mel bands, averaged over some frames: a scalar >= 0.

    x, y : target and output, (B, channels, n)
    """
    total = y.new_zeros(())
    for size, frames in AVERAGED_SCALES:
        levels = []
        for sound in (x.detach().float(), y.float()):
            parts = torch.view_as_real(spectra(sound.flatten(0, 1), size))
            power = parts.square().sum(-1) @ mel_bands(size, sample_rate, y.device)  # (B, frames, MELS)
            mean = torch.nn.functional.avg_pool1d(power.transpose(1, 2), frames, max(1, frames // 2))
            levels.append((mean + FLOOR**2).log())
        total = total + (levels[0] - levels[1]).abs().mean()
    return total


@cache
def mel_bands(size: int, sample_rate: int, device: torch.device) -> Tensor:
    """Triangular bands, equally wide on the mel scale (O'Shaughnessy), (size / 2 + 1, MELS)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, MELS + 2, dtype=torch.float64) / 2595) - 1)
    hz = torch.arange(size // 2 + 1)[:, None] * sample_rate / size
    width = torch.full_like(edges[1:], sample_rate / size)  # narrow bands are as wide as a bin
    rising, falling = (torch.maximum(edges.diff()[i : i + MELS], width[:MELS]) for i in (0, 1))
    middle = edges[1:-1]
    bands = torch.minimum(1 - (middle - hz) / rising, 1 - (hz - middle) / falling).clamp(min=0)
    return bands.float().to(device)


def audio_distance(x: Tensor, y: Tensor, pqmf: PQMF) -> Tensor:
    """Return `distance` of aligned signals (B, channels, n); n is a multiple of `pqmf.block`."""
    x, y = (sound.reshape(-1, 1, sound.shape[-1]) for sound in (x, y))
    x_bands, _ = pqmf.analyse(x, pqmf.analysis_state(len(x)))
    y_bands, _ = pqmf.analyse(y, pqmf.analysis_state(len(y)))
    return distance(x, y, x_bands, y_bands)
