"""From latents to bands: RAVE's two generators (Caillon & Esling, arXiv 2111.05011)."""

from __future__ import annotations

import torch
from torch import Tensor

from perform.rave.blocks import ACTIVATIONS, Delay, NoiseSynth, Residual, mod_sigmoid
from perform.rave.config import Config
from perform.rave.encoder import residual_units
from perform.rave.stream import Chain, Conv1d, ConvTranspose1d, LeakyReLU, State, Streaming, padding


class Decoder(Streaming):
    """v2's: (B, latents, n) -> (B, channels x bands, n * stride), each band within -1..1.

    The encoder mirrored: each stage is a transposed convolution that halves the channels and a
    stack of dilated residual units. The last convolution gives every band a wave and an amplitude. With a
    noise synthesiser it stands apart, as `wave`, and both hear what `net` makes.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        channels, kernel, mode = config.capacity * 2 ** len(config.ratios), config.kernel, config.padding
        bands, activation = config.channels * config.bands, ACTIVATIONS[config.activation]
        layers: list[Streaming] = [Conv1d(_latents(config), channels, kernel, padding=padding(mode, kernel))]
        for ratio, dilations in zip(reversed(config.ratios), reversed(config.dilations), strict=True):
            layers += [activation(channels), ConvTranspose1d(channels, channels // 2, ratio)]
            channels //= 2
            layers += residual_units(config, channels, dilations)
        taps = 2 * kernel + 1
        wave = Conv1d(channels, 2 * bands, taps, padding=padding(mode, taps))
        self.noise = _noise_v2(config, channels, bands) if config.noise_ratios else None
        self.wave = wave if self.noise else None
        self.net = Chain(*layers, activation(channels), *([] if self.noise else [wave]))
        self.states = sum(part.states for part in self._parts())

    def _parts(self) -> list[Streaming]:
        return [part for part in (self.net, self.wave, self.noise) if part is not None]

    def init_state(self, batch: int) -> State:
        """The state before the first frame: of net, wave and noise synthesiser."""
        return [tensor for part in self._parts() for tensor in part.init_state(batch)]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """As the class says; noise (B, channels x bands, n * stride) in -1..1, none is silence."""
        y, after = self.net(x, state[: self.net.states])
        heard: Tensor | float = 0.0
        if self.noise is not None and self.wave is not None:
            at = len(after)
            amplitudes, later = self.noise(y, state[at + self.wave.states :])
            y, waves = self.wave(y, state[at : at + self.wave.states])
            after = after + waves + later
            heard = 0.0 if noise is None else self.noise.render(amplitudes, noise)
        wave, amplitude = y.chunk(2, 1)  # (B, 2 x bands, n * stride)
        return torch.tanh(wave * torch.sigmoid(amplitude) + heard), after


class FirstDecoder(Streaming):
    """v1's: (B, latents, n) -> (B, channels x bands, n * stride).

    Each stage is a transposed convolution and a stack of residuals. Three branches end it, kept in step by
    delays: waves, one loudness for all bands, and filtered noise, which is added last.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        channels, mode = config.capacity * 2 ** len(config.ratios), config.padding
        bands = config.channels * config.bands
        layers: list[Streaming] = [Conv1d(_latents(config), channels, 7, padding=padding(mode, 7))]
        for ratio, dilations in zip(config.ratios, config.dilations, strict=True):
            layers += [LeakyReLU(), ConvTranspose1d(channels, channels // 2, ratio)]
            channels //= 2
            layers += [_residual(config, channels, dilation) for dilation in dilations]
        self.net = Chain(*layers)
        wave = Conv1d(channels, bands, 7, padding=padding(mode, 7))
        loudness = Conv1d(channels, 1, 3, padding=padding(mode, 3))
        net, late = _noise_v1(config, channels, bands)
        latest = max(wave.late, loudness.late, late)
        self.wave = Chain(Delay(channels, latest - wave.late), wave)
        self.loudness = Chain(Delay(channels, latest - loudness.late), loudness)
        self.noise = NoiseSynth(net, bands, config.noise_taps) if config.noise_ratios else None
        self.states = sum(part.states for part in self._parts())

    def _parts(self) -> list[Streaming]:
        return [part for part in (self.net, self.wave, self.loudness, self.noise) if part is not None]

    def init_state(self, batch: int) -> State:
        """The state before the first frame: of net, wave, loudness and noise synthesiser."""
        return [tensor for part in self._parts() for tensor in part.init_state(batch)]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """As the class says; noise (B, channels x bands, n * stride) in -1..1, none is silence."""
        after: State = []

        def run(part: Streaming, x: Tensor) -> Tensor:
            y: Tensor
            y, new = part(x, state[len(after) : len(after) + part.states])
            after.extend(new)
            return y

        x = run(self.net, x)
        wave, loudness = run(self.wave, x), run(self.loudness, x)
        y = torch.tanh(wave) * mod_sigmoid(loudness)
        if self.noise is not None:
            amplitudes = run(self.noise, x)
            y = y if noise is None else y + self.noise.render(amplitudes, noise)
        return y, after


def _latents(config: Config) -> int:
    return config.full_latents + config.noise_latents


def _residual(config: Config, channels: int, dilation: int) -> Residual:
    """v1's residual: a dilated convolution, then a plain one."""
    pads = [padding(config.padding, config.kernel, dilation=d) for d in (dilation, 1)]
    return Residual(
        channels,
        Chain(
            LeakyReLU(),
            Conv1d(channels, channels, config.kernel, dilation=dilation, padding=pads[0]),
            LeakyReLU(),
            Conv1d(channels, channels, config.kernel, padding=pads[1]),
        ),
    )


def _noise_v2(config: Config, channels: int, bands: int) -> NoiseSynth:
    """v2's noise synthesiser, whose convolutions see the past alone."""
    layers: list[Streaming] = []
    for ratio in config.noise_ratios[:-1]:
        layers += [Conv1d(channels, config.noise_hidden, 2 * ratio, ratio)]
        channels = config.noise_hidden
        layers += [ACTIVATIONS[config.activation](channels)]
    ratio = config.noise_ratios[-1]
    last = Conv1d(channels, bands * config.noise_taps, 2 * ratio, ratio)
    return NoiseSynth(Chain(*layers, last), bands, config.noise_taps)


def _noise_v1(config: Config, channels: int, bands: int) -> tuple[Chain, int]:
    """v1's noise synthesiser, and by how many band samples it is late."""
    layers: list[Streaming] = []
    late = 0
    for stage, ratio in enumerate(config.noise_ratios):
        last = stage == len(config.noise_ratios) - 1
        pad = padding(config.padding, 3, ratio)
        align = -(pad[1] + late) % ratio if config.padding != "newest" else 0
        outputs = bands * config.noise_taps if last else channels
        layers += [Conv1d(channels, outputs, 3, ratio, padding=pad, align=align)]
        layers += [] if last else [LeakyReLU()]
        late = (pad[1] + align + late) // ratio
    for ratio in config.noise_ratios:
        late *= ratio
    return Chain(*layers), late
