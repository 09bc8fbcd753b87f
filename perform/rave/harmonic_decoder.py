"""The decoder of a pitched model: a source of harmonics and noise, and a net that filters both.

Source and filter, as in DDSP (arXiv 2001.04643) and SiFi-GAN (arXiv 2210.15533). The pitch is not learnt, so
every note is in tune, also notes that the corpus does not have. A causal net gives the amplitudes of the
harmonics and of filtered noise, once a frame.
"""

import torch
from torch import Tensor

from perform.rave import architecture, model_layers, pitched_layers
from perform.rave.blocks import mod_sigmoid, noise_synth
from perform.rave.config import Config
from perform.rave.decoder import Generator
from perform.rave.harmonics import Harmonics
from perform.rave.pitched_layers import LOUDEST, STEP_DB, ZERO_DB
from perform.rave.stream import Chain, State, Streaming, convolution, module

NOISE_AT_FIRST = 5.0  #: bias of an untrained net's noise: 8 dB below the loudness, so that it is learnt first


class Subframes(Streaming):
    """Channels to time: (B, each x channels, n) -> (B, channels, n x each)."""

    def __init__(self, each: int) -> None:
        super().__init__()
        self.each = each

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The first channels come first."""
        batch, frames = x.shape[0], x.shape[2]
        y = x.reshape(batch, self.each, -1, frames).permute(0, 2, 3, 1)
        return y.reshape(batch, -1, frames * self.each), state


@module.register
def _(layer: pitched_layers.SubframesLayer) -> Streaming:
    return Subframes(layer.each)


class HarmonicDecoder(Generator):
    """(B, latents, n) -> (B, 2 x bands, n * stride): noise in bands, then harmonics as samples.

    The sum of both is the sound (`RAVE.synthesise`). The loudness scales them, and `noise` fades out the
    harmonics.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        layer = architecture.harmonic(config)
        *rest, head = layer.net.layers
        assert isinstance(head, model_layers.Conv1dLayer)
        last = convolution(head)
        with torch.no_grad():
            last.bias[: layer.tones] = -1.0
            last.bias[layer.tones :] = NOISE_AT_FIRST
        self.net = Chain(*map(module, rest), last)
        self.tone = Harmonics(config.sample_rate, config.ratio, config.bands, config.harmonics)
        self.noise = noise_synth(layer.noise)
        self.tones, self.each = layer.tones, layer.each
        self.loudest, self.zero_db, self.step_db = LOUDEST, ZERO_DB, STEP_DB
        self._count_states()

    def branches(self) -> list[Streaming]:
        """Harmonics, then noise."""
        return [self.tone, self.noise] if self.noise else []

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise in bands, in -1..1 (None: silence), to (B, 2 x bands, n * stride)."""
        y, after = self.net(x, state[: self.net.states])
        loudness = x[:, 1:2].clamp(max=self.loudest) * self.step_db + self.zero_db
        gain = torch.pow(10.0, loudness / 20)  # (B, 1, n)
        voiced = (1 - x[:, 2:3]).clamp(0.0, 1.0)
        amplitudes = mod_sigmoid(y[:, : self.tones]) * (gain * voiced)
        tone, new = self.tone(torch.cat([x[:, :1], amplitudes], 1), state[len(after) :])
        after = after + new
        filtered = torch.zeros_like(tone)
        if self.noise is not None and noise is not None:
            none: State = []
            responses, _ = self.noise(y[:, self.tones :], none)  # (B, bands, n x each, taps)
            gains = gain.repeat_interleave(self.each, 2)[:, :, :, None]
            filtered = self.noise.render(responses * gains, noise)
        return torch.cat([filtered, tone], 1), after
