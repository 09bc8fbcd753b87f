"""Pseudo-quadrature mirror filter bank: one signal to `bands` critically sampled bands and back.

Cosine-modulated and near-perfect in reconstruction; `kernels` designs it.

Independent of encoders, latents and sample rates.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from perform.rave import kernels, model_layers
from perform.rave.stream import State


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
        layer = model_layers.FilterBank(bands, attenuation, taps)
        if taps:
            analysis, synthesis = (torch.zeros(shape) for shape in layer.kernels.values())
        else:
            analysis, synthesis = map(torch.from_numpy, kernels.filter_bank(bands, attenuation))
        self.bands, self.block = bands, 2 * bands
        self.memory, self.delay = layer.memory, layer.delay
        self.register_buffer("analysis_kernel", analysis, persistent=bool(taps))
        self.register_buffer("synthesis_kernel", synthesis, persistent=bool(taps))
        self.register_buffer("turn", torch.from_numpy(kernels.odd_bands(bands)), persistent=False)

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
