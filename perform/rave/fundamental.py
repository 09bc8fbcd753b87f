"""Pitch, loudness and noise of a sound, once a frame: the latents of a pitched model that are measured.

The pitch is found by YIN (de Cheveigne & Kawahara, 2002, J. Acoust. Soc. Am. 111, 1917-1930): the shortest
period by which the newest 18 ms of sound can be shifted into the past without much difference. The sound
is low-passed first: overtones between two samples would hide the period. A pitch is half of window and period
old: 10 ms at A4, 17 ms at C2. The difference d(t) = sum_j (x[j] - x[j-t])^2 is two energies minus twice a
correlation, by FFT.
"""

import torch
from torch import Tensor

from perform.rave import pitched_layers
from perform.rave.pitched_layers import A3, QUIET, SILENCE, STEP_DB, THRESHOLD, TINY, ZERO_DB
from perform.rave.stream import State, Streaming


class Fundamental(Streaming):
    """Samples (B, 1, n * ratio) -> MEASURED (B, 3, n). Between pitches it holds the last one; A3 at first."""

    def __init__(self, sample_rate: int, ratio: int) -> None:
        super().__init__()
        self.states = 2
        layer = pitched_layers.FundamentalLayer(sample_rate, ratio)
        self.every, self.rate, self.hop = layer.every, layer.rate, layer.hop
        self.shortest, self.longest = layer.shortest, layer.longest
        self.window, self.size, self.smooth = layer.window, layer.size, layer.smooth
        self.memory = layer.memory
        self.points = 1 << (self.size - 1).bit_length()
        self.threshold, self.quiet, self.silence, self.tiny = THRESHOLD, QUIET, SILENCE, TINY
        self.zero_db, self.step_db, self.lowest = ZERO_DB, STEP_DB, A3
        periods = torch.arange(1, self.longest + 1, dtype=torch.float32)
        self.register_buffer("periods", periods, persistent=False)
        self.periods: Tensor  # (longest,)

    def init_state(self, batch: int) -> State:
        """[(batch, 1, memory) samples, (batch, 1, 1) pitch]."""
        return [self.periods.new_zeros(batch, 1, size) for size in (self.memory, 1)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, 1, n * ratio) -> (B, 3, n)."""
        past = torch.cat([state[0][:, 0], x.reshape(x.shape[0], -1, self.every).mean(2)], 1)
        frames = past.unfold(1, self.size + self.smooth - 1, self.hop).flip(2)  # the newest sample first
        pitch, rest = self.period(self.dips(frames.unfold(2, self.smooth, 1).mean(3)))
        power = frames[:, :, : 2 * self.hop].square().mean(2)
        voiced = (rest < self.threshold) & (power > self.quiet)
        place = torch.arange(1, power.shape[1] + 1, device=x.device).expand_as(power)
        last = torch.cummax(torch.where(voiced, place, torch.zeros_like(place)), 1)[0]
        held = torch.cat([state[1][:, 0], pitch], 1).gather(1, last)
        loudness = (10 * torch.log10(power + self.silence) - self.zero_db) / self.step_db
        noise = torch.where(power > self.quiet, rest.clamp(0.0, 1.0), torch.ones_like(rest))
        after = [past[:, None, past.shape[1] - self.memory :], held[:, None, held.shape[1] - 1 :]]
        return torch.stack([held, loudness, noise], 1), after

    def dips(self, frames: Tensor) -> Tensor:
        """Frames (B, n, size) -> YIN's normalised difference for each period, (B, n, longest)."""
        energy = torch.nn.functional.pad(frames.square().cumsum(2), (1, 0))
        here = torch.fft.rfft(frames[:, :, : self.window], n=self.points)
        whole = torch.fft.rfft(frames, n=self.points)
        alike = torch.fft.irfft(here.conj() * whole, n=self.points)[:, :, : self.longest + 1]
        lagged = energy[:, :, self.window :] - energy[:, :, : self.longest + 1]
        d: Tensor = (lagged[:, :, :1] + lagged - 2 * alike)[:, :, 1:].clamp(min=0.0)
        return (d * self.periods + self.tiny) / (d.cumsum(2) + self.tiny)

    def period(self, d: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch in octaves and what its period leaves, both (B, n), for normalised differences.

        The period is the first dip below the threshold, else the deepest point; a parabola refines it.
        """
        first = self.shortest - 1  # d[..., i] belongs to the period i + 1
        middle = d[:, :, first : self.longest - 1]
        left, right = d[:, :, first - 1 : self.longest - 2], d[:, :, first + 1 :]
        dip = ((middle < left) & (middle <= right) & (middle < self.threshold)).to(d.dtype)
        found = dip.amax(2) > 0
        at = torch.where(found, dip.argmax(2), middle.argmin(2))[:, :, None]
        low, bottom, high = left.gather(2, at), middle.gather(2, at), right.gather(2, at)
        bend = low - 2 * bottom + high
        shift = (0.5 * (low - high) / bend.clamp(min=1e-9)).clamp(-0.5, 0.5)
        period = at + self.shortest + shift
        return torch.log2(self.rate / self.lowest / period)[:, :, 0], bottom[:, :, 0]
