"""The decoder, from latents to bands: RAVE's two generators (Caillon & Esling, arXiv 2111.05011)."""

import torch
from torch import Tensor

from perform.rave.blocks import ACTIVATIONS, Delay, NoiseSynth, Residual, mod_sigmoid
from perform.rave.config import Config
from perform.rave.encoder import residual_units
from perform.rave.stream import Chain, Conv1d, ConvTranspose1d, LeakyReLU, State, Streaming, padding


class Generator(Streaming):
    """Base of all: a net, and branches that take its output; or the net alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net: Chain
        self.noise: NoiseSynth | None

    def branches(self) -> list[Streaming]:
        """The layers that take the net's output, in order; a noise synthesiser comes last."""
        raise NotImplementedError

    def init_state(self, batch: int) -> State:
        """The state before the first frame: of the net, then of its branches."""
        return [tensor for part in (self.net, *self.branches()) for tensor in part.init_state(batch)]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise in bands, -1..1 (None: silence), to (B, channels x bands, n * stride)."""
        raise NotImplementedError

    def _count_states(self) -> None:
        self.states = self.net.states + sum(branch.states for branch in self.branches())


class Decoder(Generator):
    """v2's: (B, latents, n) -> (B, channels x bands, n * stride), each band within -1..1.

    The mirror of the encoder: each stage is a transposed convolution that halves the channels and a stack of
    dilated residual units. The last convolution gives every band a wave and an amplitude. With a noise
    synthesiser this convolution is the branch `wave`, beside the branch `noise`.
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
        self._count_states()

    def branches(self) -> list[Streaming]:
        """Wave and noise, or no branches."""
        return [self.wave, self.noise] if self.wave and self.noise else []

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise as in `mix`, to (B, channels x bands, n * stride)."""
        x, after = self.net(x, state[: self.net.states])
        outputs = [x]
        if self.wave is not None and self.noise is not None:
            wave, new = self.wave(x, state[len(after) : len(after) + self.wave.states])
            after = after + new
            amplitudes, new = self.noise(x, state[len(after) :])
            after = after + new
            outputs = [wave, amplitudes]
        return self.mix(outputs, noise), after

    def mix(self, outputs: list[Tensor], noise: Tensor | None) -> Tensor:
        """Outputs of the branches and noise, -1..1 (None: silence), to bands within -1..1.

        Each wave times its amplitude, plus the noise.
        """
        wave, amplitude = outputs[0].chunk(2, 1)  # (B, 2 x bands, n * stride)
        y = wave * torch.sigmoid(amplitude)
        if self.noise is not None and noise is not None:
            y = y + self.noise.render(outputs[1], noise)
        return torch.tanh(y)


class V1Decoder(Generator):
    """v1's: (B, latents, n) -> (B, channels x bands, n * stride).

    Each stage is a transposed convolution and a stack of residuals. Three branches take the net's output,
    aligned by delays: waves, one loudness for all bands, and filtered noise.
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
        net, delay = _noise_v1(config, channels, bands)
        longest = max(wave.delay, loudness.delay, delay)
        self.wave = Chain(Delay(channels, longest - wave.delay), wave)
        self.loudness = Chain(Delay(channels, longest - loudness.delay), loudness)
        self.noise = NoiseSynth(net, bands, config.noise_taps) if config.noise_ratios else None
        self._count_states()

    def branches(self) -> list[Streaming]:
        """Wave, loudness and perhaps noise."""
        return [self.wave, self.loudness, *([self.noise] if self.noise else [])]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise as in `mix`, to (B, channels x bands, n * stride)."""
        x, after = self.net(x, state[: self.net.states])
        wave, new = self.wave(x, state[len(after) : len(after) + self.wave.states])
        after = after + new
        loudness, new = self.loudness(x, state[len(after) : len(after) + self.loudness.states])
        after = after + new
        outputs = [wave, loudness]
        if self.noise is not None:
            amplitudes, new = self.noise(x, state[len(after) :])
            after = after + new
            outputs.append(amplitudes)
        return self.mix(outputs, noise), after

    def mix(self, outputs: list[Tensor], noise: Tensor | None) -> Tensor:
        """Waves times the loudness, plus the noise."""
        y = torch.tanh(outputs[0]) * mod_sigmoid(outputs[1])
        if self.noise is not None and noise is not None:
            y = y + self.noise.render(outputs[2], noise)
        return y


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
    """v2's noise synthesiser; its convolutions are causal."""
    layers: list[Streaming] = []
    for ratio in config.noise_ratios[:-1]:
        layers += [Conv1d(channels, config.noise_hidden, 2 * ratio, ratio)]
        channels = config.noise_hidden
        layers += [ACTIVATIONS[config.activation](channels)]
    ratio = config.noise_ratios[-1]
    last = Conv1d(channels, bands * config.noise_taps, 2 * ratio, ratio)
    return NoiseSynth(Chain(*layers, last), bands, config.noise_taps)


def _noise_v1(config: Config, channels: int, bands: int) -> tuple[Chain, int]:
    """The net of v1's noise synthesiser, and its delay in band samples."""
    layers: list[Streaming] = []
    delay = 0
    for stage, ratio in enumerate(config.noise_ratios):
        last = stage == len(config.noise_ratios) - 1
        pad = padding(config.padding, 3, ratio)
        align = -(pad[1] + delay) % ratio if config.padding != "newest" else 0
        outputs = bands * config.noise_taps if last else channels
        layers += [Conv1d(channels, outputs, 3, ratio, padding=pad, align=align)]
        layers += [] if last else [LeakyReLU()]
        delay = (pad[1] + align + delay) // ratio
    for ratio in config.noise_ratios:
        delay *= ratio
    return Chain(*layers), delay
