"""The encoder, from bands to the input of the bottleneck; architecture.py lists its layers."""

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from perform.rave import architecture, kernels, model_layers, pitched_layers
from perform.rave.config import Config
from perform.rave.fundamental import Fundamental
from perform.rave.stream import Chain, State, Streaming, convolution, module


class Encoder(Streaming):
    """The encoder that a config names."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layer, variational = architecture.encoder(config), config.bottleneck == "variational"
        self.net: Streaming
        if isinstance(layer, pitched_layers.PitchedEncoderLayer):
            self.net = PitchedEncoder(layer)
        elif config.encoder == "spectral":
            assert isinstance(layer, model_layers.ChainLayer)
            self.net = spectral(layer, config.full_latents if variational else None)
        else:
            self.net = module(layer)
        self.states = self.net.states

    def init_state(self, batch: int) -> State:
        """The state before the first band sample."""
        return self.net.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels x bands, n * stride) -> (B, width, n). A pitched one takes the samples too."""
        y, state = self.net(x, state)
        return y, state

    def learn(self, side: int) -> int:
        """Let the AdaIN layers learn a side."""
        return self.net.learn(side)

    def forget_style(self, side: int) -> int:
        """Let the AdaIN layers forget a side."""
        return self.net.forget_style(side)


class PitchedEncoder(Streaming):
    """Bands and samples (B, 2 x bands, n * stride) -> what is measured, then the timbre, (B, width, n).

    The samples are in rows of as many as there are bands.
    """

    def __init__(self, layer: pitched_layers.PitchedEncoderLayer) -> None:
        super().__init__()
        self.bands = layer.bands
        self.fundamental = Fundamental(layer.fundamental.sample_rate, layer.fundamental.ratio)
        head = layer.timbre.layers[-1]
        assert isinstance(head, model_layers.Conv1dLayer)
        self.timbre = spectral(layer.timbre, head.outputs // 2)
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


def spectral(layer: model_layers.ChainLayer, narrow: int | None) -> Chain:
    """The module of a spectral encoder.

    narrow : outputs from here on are raw scales; they begin low, so that the decoder uses the latents
    """
    *rest, last = layer.layers
    assert isinstance(last, model_layers.Conv1dLayer)
    head = convolution(last)
    if narrow is not None:
        with torch.no_grad():
            head.bias[narrow:] = -1
    return Chain(*map(module, rest), head)


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
        layer = model_layers.SpectrumLayer(bands, hop)
        self.bands, self.hop, self.memory, self.features = bands, hop, layer.memory, layer.features
        self.register_buffer("long", torch.from_numpy(kernels.fourier(4 * hop)), persistent=False)
        self.register_buffer("short", torch.from_numpy(kernels.fourier(hop)), persistent=False)

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


@module.register
def _(layer: model_layers.SpectrumLayer) -> Streaming:
    return Spectrum(layer.bands, layer.hop)
