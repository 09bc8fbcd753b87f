"""Pseudo-quadrature mirror filter bank: one signal to `bands` critically sampled bands and back.

Cosine-modulated and near-perfect in reconstruction. The prototype is a Kaiser-windowed sinc whose
cutoff is found by a one-dimensional search (Lin & Vaidyanathan, "A Kaiser window approach for the
design of prototype filters of cosine modulated filterbanks", IEEE SPL 5(6), 1998).

Independent of encoders, latents and sample rates.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv1d

from perform.rave.stream import State


def kaiser_beta(attenuation: float) -> float:
    """Kaiser's window shape for a stop-band `attenuation` in dB."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0


def kaiser_taps(attenuation: float, width: float) -> int:
    """Kaiser's estimate of the taps needed for `attenuation` dB over a transition `width` in radians."""
    return math.ceil((attenuation - 7.95) / (2.285 * width)) + 1


def prototype(bands: int, attenuation: float) -> NDArray[np.float64]:
    """Low-pass prototype, (taps,), unit gain at 0 Hz.

    Its spectrum must be power-complementary about pi / (2 bands): its autocorrelation must be 0 at every
    multiple of 2 x bands except 0. A search finds the cutoff that comes closest. The transition is 0.8 of a
    band wide. That is little less than the widest at which only neighbouring bands overlap, so the filter is
    nearly as short as possible.
    """
    taps = kaiser_taps(attenuation, 0.8 * math.pi / bands)
    time = np.arange(taps) - (taps - 1) / 2
    window = np.kaiser(taps, kaiser_beta(attenuation))

    def lowpass(cutoff: float) -> NDArray[np.float64]:
        h: NDArray[np.float64] = cutoff / np.pi * np.sinc(cutoff / np.pi * time) * window
        h /= h.sum()
        return h

    def leak(cutoff: float) -> float:
        h = lowpass(cutoff)
        correlation = np.correlate(h, h, "full")[taps - 1 :: 2 * bands]
        return float(np.abs(correlation[1:]).max() / correlation[0])

    low, high = 0.3 * math.pi / bands, 0.9 * math.pi / bands
    for _ in range(6):  # each round narrows the bracket twentyfold
        grid = np.linspace(low, high, 41)
        best = int(np.argmin([leak(float(cutoff)) for cutoff in grid]))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 40)])
    return lowpass((low + high) / 2)


def design(bands: int, attenuation: float) -> tuple[Tensor, Tensor]:
    """Kernels of analysis (bands, 1, taps) and synthesis (bands, bands, taps / bands), as in PQMF."""
    h = prototype(bands, attenuation)
    taps = len(h)
    k, time = np.arange(bands)[:, None], np.arange(taps) - (taps - 1) / 2
    angle, phase = (2 * k + 1) * np.pi / (2 * bands) * time, (-1.0) ** k * np.pi / 4
    analysis = 2 * h * np.cos(angle + phase)  # (bands, taps)
    synthesis = 2 * h * np.cos(angle - phase)
    synthesis *= bands / (analysis * synthesis[:, ::-1]).sum()  # decimation takes `bands` away

    phases = math.ceil(taps / bands)
    synthesis = np.pad(synthesis, ((0, 0), (0, phases * bands - taps)))
    polyphase = synthesis.reshape(bands, phases, bands).transpose(2, 0, 1)  # (phase, band, time)
    kernels = analysis[:, None, ::-1], polyphase[:, :, ::-1]
    first, second = (torch.tensor(kernel.copy(), dtype=torch.float32) for kernel in kernels)
    return first, second


class PQMF(nn.Module):
    """The filter bank. Streaming and causal; the state is an argument.

    taps : of the analysis of a bank that comes with a model's weights, one more than a multiple of `bands`;
        0 designs one here

    Both ways want whole pairs of band samples: a multiple of `block` = 2 x bands samples a call.
    Synthesis of an analysis is the input delayed by `delay` samples. Band `k` covers frequencies
    k / bands to (k + 1) / bands of Nyquist. Decimation reverses the odd bands; they are reversed again, so a
    rising tone rises in every band.
    """

    analysis_kernel: Tensor  # (bands, 1, taps), reversed in time as conv1d wants it
    synthesis_kernel: Tensor  # (bands, bands, taps / bands): phase, band, time
    turn: Tensor  # (bands, 2): the signs that reverse odd bands

    def __init__(self, bands: int, attenuation: float, taps: int = 0) -> None:
        super().__init__()
        if taps:
            analysis = torch.zeros(bands, 1, taps)
            synthesis = torch.zeros(bands, bands, taps // bands + 1)
        else:
            analysis, synthesis = design(bands, attenuation)
        turn = torch.ones(bands, 2)
        turn[1::2, 0] = -1
        self.bands = bands
        self.block = 2 * bands
        self.memory = (
            taps or analysis.shape[-1] - bands + 1
        ) - 1  # a bank of upstream's waits for a sample more
        self.delay = (
            taps - 1 if taps else self.memory
        )  # the newest `bands` samples already reach the first output
        self.register_buffer("analysis_kernel", analysis, persistent=bool(taps))
        self.register_buffer("synthesis_kernel", synthesis, persistent=bool(taps))
        self.register_buffer("turn", turn, persistent=False)

    def analysis_state(self, signals: int) -> State:
        """Silence before the first sample of so many signals, B x channels: [(signals, 1, memory)]."""
        return [self.analysis_kernel.new_zeros(signals, 1, self.memory)]

    def synthesis_state(self, signals: int) -> State:
        """Silence before the first band sample: [(signals, bands, taps / bands - 1)]."""
        return [self.synthesis_kernel.new_zeros(signals, self.bands, self.synthesis_kernel.shape[-1] - 1)]

    def analyse(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Samples (B, channels, n) to bands (B, channels x bands, n / bands); n a multiple of `block`."""
        batch = len(x)
        x = torch.cat([state[0], x.reshape(-1, 1, x.shape[-1])], -1)  # (B x channels, 1, memory + n)
        y = conv1d(x, self.analysis_kernel, stride=self.bands)  # (B x channels, bands, n / bands)
        y = self.flip_odd_bands(y)
        return y.reshape(batch, -1, y.shape[-1]), [x[..., x.shape[-1] - state[0].shape[-1] :]]

    def synthesise(self, y: Tensor, state: State) -> tuple[Tensor, State]:
        """Bands (B, channels x bands, n / bands) to samples (B, channels, n); n a multiple of `block`."""
        batch, samples = len(y), y.shape[-1] * self.bands
        y = torch.cat([state[0], self.flip_odd_bands(y.reshape(-1, self.bands, y.shape[-1]))], -1)
        x = conv1d(y, self.synthesis_kernel)  # (B x channels, phase, n / bands)
        x = x.transpose(1, 2).reshape(batch, -1, samples)  # interleaved: (B, channels, n)
        return x, [y[..., y.shape[-1] - state[0].shape[-1] :]]

    def flip_odd_bands(self, y: Tensor) -> Tensor:
        """Odd bands of (B, bands, n) reversed: every other sample, from the first, changes sign."""
        pairs = y.reshape(len(y), self.bands, -1, 2) * self.turn[:, None]
        return pairs.flatten(2)


def with_samples(bands: Tensor, x: Tensor) -> Tensor:
    """Bands (B, bands, n), then the samples (B, 1, n x bands) as rows of `bands`: (B, 2 x bands, n)."""
    rows = x.reshape(x.shape[0], bands.shape[2], -1).transpose(1, 2)
    return torch.cat([bands, rows], 1)


def interleaved(rows: Tensor) -> Tensor:
    """Rows of samples (B, bands, n) to the samples (B, 1, n x bands)."""
    return rows.transpose(1, 2).reshape(rows.shape[0], 1, -1)
