"""The encoder, from bands to the input of the bottleneck.

Four architectures, each (B, channels x bands, n * stride) -> (B, width, n). For a variational bottleneck the
width is 2 x full_latents: the posterior's mean, then its raw scale. For a pitched one it is what is measured,
then mean and scale of the timbre. For the others it is full_latents.
`v1` and `convolutional` (v2's) come from RAVE (Caillon & Esling, arXiv 2111.05011).
`spectral` starts from log magnitudes, which show partials and their levels directly. So a small model learns
more than loudness within minutes of training. `pitched` is spectral, and measures pitch, loudness and noise.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from perform.rave.blocks import ACTIVATIONS, AdaIN
from perform.rave.config import MEASURED, Config
from perform.rave.fundamental import Fundamental
from perform.rave.stream import Chain, Conv1d, LeakyReLU, ResidualUnit, State, Streaming, padding


class Encoder(Streaming):
    """The encoder that a config names."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        architectures = {"spectral": spectral, "convolutional": convolutional, "v1": v1, "pitched": pitched}
        self.net: Streaming = architectures[config.encoder](config)
        self.states = self.net.states

    def init_state(self, batch: int) -> State:
        """The state before the first band sample."""
        return self.net.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels x bands, n * stride) -> (B, width, n). A pitched one takes the samples too."""
        y, state = self.net(x, state)
        return y, state


def width(config: Config) -> int:
    """Channels of the encoder's output."""
    return config.full_latents * (2 if config.bottleneck == "variational" else 1)


def convolutional(config: Config) -> Chain:
    """A convolution, then stages: dilated residual units, a strided convolution that doubles the channels."""
    channels, kernel, mode = config.capacity, config.kernel, config.padding
    activation = ACTIVATIONS[config.activation]
    taps = 2 * kernel + 1
    layers: list[Streaming] = [
        Conv1d(config.channels * config.bands, channels, taps, padding=padding(mode, taps))
    ]
    for ratio, dilations in zip(config.ratios, config.dilations, strict=True):
        layers += residual_units(config, channels, dilations)
        pad = padding(mode, 2 * ratio, ratio)
        layers += [activation(channels), Conv1d(channels, 2 * channels, 2 * ratio, ratio, padding=pad)]
        channels *= 2
    last = Conv1d(channels, width(config), kernel, padding=padding(mode, kernel))
    return Chain(*layers, activation(channels), last)


def residual_units(config: Config, channels: int, dilations: tuple[int, ...]) -> list[Streaming]:
    """The dilated units of a stage, each after an AdaIN layer if the config has style transfer."""
    layers: list[Streaming] = []
    for dilation in dilations:
        pad = padding(config.padding, config.kernel, dilation=dilation)
        unit = ResidualUnit(channels, config.kernel, dilation, pad)
        layers += [AdaIN(channels), unit] if config.adain else [unit]
    return layers


def v1(config: Config) -> Chain:
    """RAVE v1's: strided convolutions, each aligned with the delay so far.

    Its batch norms have no layers here: in inference they are affine, and are folded into the convolutions.
    """
    channels, mode = config.capacity, config.padding
    layers: list[Streaming] = [Conv1d(config.channels * config.bands, channels, 7, padding=padding(mode, 7))]
    delay = padding(mode, 7)[1]
    for ratio in config.ratios:
        pad = padding(mode, 2 * ratio + 1, ratio)
        align = -(pad[1] + delay) % ratio if mode != "newest" else 0
        layers += [
            LeakyReLU(),
            Conv1d(channels, 2 * channels, 2 * ratio + 1, ratio, padding=pad, align=align),
        ]
        delay = (pad[1] + align + delay) // ratio
        channels *= 2
    groups = 2 if config.bottleneck == "variational" else 1  # mean and scale have separate groups
    return Chain(
        *layers, LeakyReLU(), Conv1d(channels, width(config), 5, padding=padding(mode, 5), groups=groups)
    )


class PitchedEncoder(Streaming):
    """Bands and samples (B, 2 x bands, n * stride) -> what is measured, then the timbre, (B, width, n).

    The samples are in rows of as many as there are bands.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.bands = config.bands
        self.fundamental = Fundamental(config.sample_rate, config.ratio)
        self.timbre = spectral(config, config.full_latents - len(MEASURED))
        self.states = self.fundamental.states + self.timbre.states

    def init_state(self, batch: int) -> State:
        """The state of the measurement, then of the timbre's net."""
        return self.fundamental.init_state(batch) + self.timbre.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, 2 x bands, n * stride) -> (B, 3 + 2 x timbre, n)."""
        samples = x[:, self.bands :].transpose(1, 2).reshape(x.shape[0], 1, -1)
        measured, after = self.fundamental(samples, state[: self.fundamental.states])
        timbre, new = self.timbre(x[:, : self.bands], state[self.fundamental.states :])
        return torch.cat([measured, timbre], 1), after + new


def pitched(config: Config) -> PitchedEncoder:
    """Pitch, loudness and noise, measured; and a timbre from log spectra."""
    return PitchedEncoder(config)


def spectral(config: Config, latents: int = 0) -> Chain:
    """Log spectra once a frame, then two residual units at frame rate.

    latents : of a timbre, whose mean and scale it gives; 0 for the width of the config
    """
    hop, channels = math.prod(config.ratios), 8 * config.capacity
    spectrum = Spectrum(config.channels * config.bands, hop)
    head = Conv1d(channels, 2 * latents or width(config), config.kernel)
    if latents or config.bottleneck == "variational":
        with torch.no_grad():
            head.bias[latents or config.full_latents :] = -1  # narrow, so that the decoder uses the latents
    return Chain(
        spectrum,
        Conv1d(spectrum.features, channels, 1),
        ResidualUnit(channels, config.kernel, 1),
        ResidualUnit(channels, config.kernel, 2),
        LeakyReLU(),
        head,
    )


class Spectrum(Streaming):
    """Log magnitudes of every band, (B, bands, n * hop) -> (B, features, n).

    A window of four hops resolves partials, a window of one hop resolves onsets. Both end at the newest
    sample. -80..0 dBFS become -1..1.
    """

    long: Tensor  # (2 x bins, 1, 4 x hop): cosines, then sines
    short: Tensor  # (2 x bins, 1, hop)

    def __init__(self, bands: int, hop: int) -> None:
        super().__init__()
        self.states = 1
        self.bands, self.hop, self.memory = bands, hop, 3 * hop
        self.features = bands * (2 * hop + 1 + hop // 2 + 1)
        self.register_buffer("long", _fourier(4 * hop), persistent=False)
        self.register_buffer("short", _fourier(hop), persistent=False)

    def init_state(self, batch: int) -> State:
        """[(batch, bands, 3 x hop)]."""
        return [self.long.new_zeros(batch, self.bands, self.memory)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, bands, n * hop) -> (B, features, n)."""
        past = torch.cat([state[0], x], -1)
        after = past[..., past.shape[-1] - self.memory :]
        features = [self._levels(past, self.long), self._levels(x, self.short)]
        return torch.cat(features, 1), [after]

    def _levels(self, x: Tensor, kernel: Tensor) -> Tensor:
        spectrum = conv1d(x.reshape(-1, 1, x.shape[-1]), kernel, stride=self.hop)  # (B * bands, 2 * bins, n)
        real, imaginary = spectrum.chunk(2, 1)
        level = torch.log10(real.square() + imaginary.square() + 1e-8) / 4 + 1
        return level.reshape(len(x), -1, level.shape[-1])  # (B * bands, bins, n) -> (B, bands * bins, n)


def _fourier(size: int) -> Tensor:
    """Hann-windowed cosines and sines, a full-scale one of which has magnitude 1: (2 x bins, 1, size)."""
    time = torch.arange(size, dtype=torch.float64)
    angle = 2 * math.pi / size * torch.outer(torch.arange(size // 2 + 1), time)
    window = torch.hann_window(size, dtype=torch.float64)
    waves = torch.cat([angle.cos(), angle.sin()]) * window * (2 / window.sum())
    return waves[:, None].float()
