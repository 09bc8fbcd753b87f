"""Layers that only some configs use: Snake, a delay, v1's residual, AdaIN, filtered noise."""

import math

import torch
from torch import Tensor, nn

from perform.rave import kernels, model_layers
from perform.rave.stream import Chain, Conv1d, State, Streaming, chain, module

#: sides of a style transfer: statistics of the input, and those it is given; neither is learnt
SOURCE, TARGET, NEITHER = 0, 1, -1


class Snake(Streaming):
    """x + sin(alpha x)^2 / alpha, one alpha per channel: v3's activation (Ziyin et al., arXiv 2006.08195)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) to the same shape."""
        return x + (self.alpha * x).sin().square() / (self.alpha + 1e-9), state


class Delay(Streaming):
    """A delay of (B, channels, n) by `samples`; with 0 samples it has no state."""

    def __init__(self, channels: int, samples: int) -> None:
        super().__init__()
        self.samples, self.states = samples, 1 if samples else 0
        self.register_buffer("silence", torch.zeros(channels, 1), persistent=False)
        self.silence: Tensor

    def init_state(self, batch: int) -> State:
        """[(batch, channels, samples)], or none."""
        return [self.silence.expand(batch, -1, self.samples).clone()] if self.samples else []

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) to the same shape."""
        if self.samples == 0:
            return x, state
        past = torch.cat([state[0], x], -1)
        return past[..., : x.shape[-1]], [past[..., x.shape[-1] :]]


class Residual(Streaming):
    """v1's residual: x + body(x), with x delayed by the delay of the body, which has several convolutions."""

    def __init__(self, channels: int, body: Chain) -> None:
        super().__init__()
        self.body = body
        self.straight = Delay(channels, sum(layer.delay for layer in body if isinstance(layer, Conv1d)))
        self.states = body.states + self.straight.states

    def init_state(self, batch: int) -> State:
        """The state of the body, then of the delay."""
        return self.body.init_state(batch) + self.straight.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) to the same shape."""
        y, body = self.body(x, state[: self.body.states])
        x, straight = self.straight(x, state[self.body.states :])
        return x + y, body + straight


class AdaIN(Streaming):
    """Adaptive instance normalisation (Huang & Belongie, arXiv 1703.06868): style transfer.

    It replaces each channel's mean and deviation, learnt from a source sound, by those of a target sound. A
    stream cannot know its statistics in advance, so it learns both from sound that plays. Until both are
    known, the input passes unchanged.

    learning : the side that it learns now, or NEITHER; while it learns a target, the input passes
    """

    known: Tensor  # (side, mean and deviation, channels)
    heard: Tensor  # (side,): number of calls that each side was learnt from

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.learning, self.target = NEITHER, TARGET
        self.register_buffer("known", _nothing(channels))
        self.register_buffer("heard", torch.zeros(2))

    def adopt(self, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> None:
        """Set both sides' (mean, deviation), each (channels, 1)."""
        for side, parts in enumerate((source, target)):
            self.known[side].copy_(torch.cat(parts, 1).T)
        self.heard.fill_(1)

    def forget(self, *sides: int) -> None:
        """Forget one side or both."""
        for side in sides or (SOURCE, TARGET):
            self.forget_style(side)

    def forget_style(self, side: int) -> int:
        """Forget one side: mean 0, deviation 1; the result is 0."""
        self.known[side, 0].zero_()
        self.known[side, 1].copy_(torch.ones_like(self.known[side, 1]))
        self.heard[side].zero_()
        return 0

    def learn(self, side: int) -> int:
        """Learn a side from everything that plays from now on, or NEITHER; the result is 0."""
        self.learning = side
        return 0

    @property
    def style(self) -> tuple[Tensor, Tensor]:
        """Scale and shift of each channel, (channels, 1) both."""
        mean, deviation = self.known[0, 0, :, None], self.known[0, 1, :, None]
        wanted_mean, wanted = self.known[1, 0, :, None], self.known[1, 1, :, None]
        both = self.heard.all()
        scale = torch.where(both, wanted / (deviation + 1e-5), 1.0)
        return scale, torch.where(both, wanted_mean - mean * scale, 0.0)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) to the same shape."""
        if self.training:
            return x, state
        if self.learning >= 0:  # running mean over the calls
            mean, count = x[0].mean(-1), x.shape[-1] - 1 if x.shape[-1] > 1 else 1
            now = torch.stack([mean, ((x[0] - mean[:, None]).square().sum(-1) / count).sqrt()])
            self.heard[self.learning] += 1
            self.known[self.learning] += (now - self.known[self.learning]) / self.heard[self.learning]
            if self.learning == self.target:
                return x, state
        scale, shift = self.style
        return x * scale + shift, state


def _nothing(channels: int) -> Tensor:
    """Statistics of both sides before anything was learnt: mean 0, deviation 1."""
    return torch.tensor([0.0, 1.0])[None, :, None].repeat(2, 1, channels)


class NoiseSynth(Streaming):
    """Filtered noise, one filter per frame and band (RAVE, arXiv 2111.05011, section 3.2).

    `net` turns every `frame` samples (as many as its strides, if left out) into `taps` amplitudes a band: the
    response of a zero-phase filter at as many frequencies. Windowed and cut to the frame's length it is
    convolved with the noise of that frame alone. That is linear in the amplitudes. So `taps` fixed filters
    process the noise, and their outputs are weighted.
    """

    filters: Tensor  # (frame, taps * frame): white noise to its parts, in time

    def __init__(self, net: Chain, bands: int, taps: int, frame: int | None = None) -> None:
        super().__init__()
        self.net, self.bands, self.taps, self.states = net, bands, taps, net.states
        self.frame = frame or math.prod(layer.stride for layer in net if isinstance(layer, Conv1d))
        self.register_buffer(
            "filters", torch.from_numpy(kernels.noise_filters(taps, self.frame)), persistent=False
        )

    def init_state(self, batch: int) -> State:
        """The state of the net."""
        return self.net.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The amplitudes: (B, channels, n) -> (B, bands, n / frame, taps)."""
        y, state = self.net(x, state)
        return self.amplitudes(y), state

    def amplitudes(self, y: Tensor) -> Tensor:
        """The output of the net, (B, bands x taps, n / frame), to (B, bands, n / frame, taps)."""
        return mod_sigmoid(y.reshape(len(y), self.bands, self.taps, y.shape[-1]).transpose(2, 3) - 5)

    def render(self, amplitudes: Tensor, noise: Tensor) -> Tensor:
        """Amplitudes and uniform noise in -1..1, (B, bands, n), to sound in bands (B, bands, n)."""
        frames = noise.reshape(len(noise), self.bands, -1, self.frame)
        parts = (frames @ self.filters).reshape(len(noise), self.bands, -1, self.taps, self.frame)
        return (parts * amplitudes[..., None]).sum(3).flatten(2)


def uniform_noise(noise: Tensor, bands: int) -> Tensor:
    """Normal noise (B, bands x samples of a frame, n) to uniform noise in -1..1, (B, bands, samples x n)."""
    uniform = torch.erf(noise / 2**0.5).reshape(len(noise), bands, -1, noise.shape[-1])
    return uniform.transpose(2, 3).flatten(2)


def mod_sigmoid(x: Tensor) -> Tensor:
    """2 sigmoid(x)^2.3: amplitudes of 0 to 2, finely graded near silence."""
    return 2 * torch.sigmoid(x) ** 2.3 + 1e-7


@module.register
def _(layer: model_layers.SnakeLayer) -> Streaming:
    return Snake(layer.channels)


@module.register
def _(layer: model_layers.DelayLayer) -> Streaming:
    return Delay(layer.channels, layer.samples)


@module.register
def _(layer: model_layers.ResidualLayer) -> Streaming:
    return Residual(layer.channels, chain(layer.body))


@module.register
def _(layer: model_layers.AdaINLayer) -> Streaming:
    return AdaIN(layer.channels)


@module.register
def noise_synth(layer: model_layers.NoiseSynthLayer) -> NoiseSynth:
    """The module of a noise synthesiser."""
    return NoiseSynth(chain(layer.net), layer.bands, layer.taps, layer.frame)
