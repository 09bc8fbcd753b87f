"""A harmonic oscillator: a fundamental and its multiples, with amplitudes that move between frames.

Additive synthesis as in DDSP (Engel et al., arXiv 2001.04643): y(t) = sum_k a_k(t) sin(2 pi k phase(t)).
"""

import math

import torch
from torch import Tensor

from perform.rave import kernels
from perform.rave.pitched_layers import A3, HIGHEST, KNOTS, WIDTH
from perform.rave.stream import State, Streaming


class Harmonics(Streaming):
    """Pitch and amplitudes (B, 1 + KNOTS x count, n) to samples (B, bands, n x ratio / bands).

    Band i of row t is the sample t x bands + i. The pitch, in octaves above A3, moves linearly in Hz from the
    last frame's to this frame's, so a stream has no step. The phase is computed in double precision, and kept
    as the sum of two numbers.
    """

    number: Tensor  # (count, 1)
    steady: Tensor  # (ratio,) cycles of a steady 1 Hz
    rising: Tensor  # (ratio,) cycles of a frequency that rises from 0 to 1 Hz in a frame
    near: Tensor  # (KNOTS + 1, ratio): weight of each amplitude at each sample

    def __init__(self, sample_rate: int, ratio: int, bands: int, count: int) -> None:
        super().__init__()
        self.states = 1
        self.sample_rate, self.ratio, self.bands, self.count = sample_rate, ratio, bands, count
        self.lowest, self.knots, self.highest, self.width = A3, KNOTS, HIGHEST, WIDTH
        tables = kernels.oscillator(sample_rate, ratio, count, KNOTS)
        for name, table in tables._asdict().items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)
        self.turn = 2 * math.pi

    def init_state(self, batch: int) -> State:
        """[(batch, 3 + count, 1)]: the last pitch, the phase in cycles and its rest, the last amplitudes."""
        return [self.number.new_zeros(batch, 3 + self.count, 1)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, 1 + KNOTS x count, n) -> (B, bands, n x ratio / bands)."""
        batch, frames = x.shape[0], x.shape[2]
        pitch = torch.cat([state[0][:, 0], x[:, 0]], 1)  # (B, 1 + n)
        hz = self.lowest * torch.exp2(pitch.double())
        before, rise = hz[:, :-1, None], (hz[:, 1:] - hz[:, :-1])[:, :, None]
        cycles = before * self.steady + rise * self.rising  # (B, n, ratio)
        turns = torch.remainder(cycles[:, :, self.ratio - 1], 1.0).cumsum(1)
        phase = state[0][:, 1].double() + state[0][:, 2].double()
        phases = torch.remainder(torch.cat([phase, phase + turns], 1), 1.0)  # (B, 1 + n)
        cycles = torch.remainder(cycles + phases[:, :-1, None], 1.0).float()
        tones = torch.sin(self.turn * self.number * cycles.reshape(batch * frames, 1, self.ratio))

        knots = x[:, 1:].reshape(batch, self.knots, self.count, frames)
        last = torch.cat([state[0][:, 3:], knots[:, self.knots - 1]], 2)[:, None, :, :frames]
        knots = torch.cat([last, knots], 1).permute(0, 3, 1, 2)  # (B, n, KNOTS + 1, count)
        top = torch.maximum(hz[:, :-1], hz[:, 1:])[:, :, None].float() * self.number[:, 0]
        audible = ((self.highest - top / self.sample_rate) / self.width).clamp(0.0, 1.0)  # (B, n, count)
        knots = (knots * audible[:, :, None]).reshape(batch * frames, self.knots + 1, self.count)
        y = (knots @ tones * self.near).sum(1)  # (B x n, ratio)
        phase = phases[:, frames:]
        rest = (phase - phase.float().double()).float()
        ends = torch.cat([pitch[:, frames:], phase.float(), rest], 1)[:, :, None]  # (B, 3, 1)
        after = torch.cat([ends, x[:, 1 + (self.knots - 1) * self.count :, frames - 1 :]], 1)
        return y.reshape(batch, -1, self.bands).transpose(1, 2), [after]
