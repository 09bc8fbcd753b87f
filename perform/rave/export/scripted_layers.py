"""Layers as TorchScript has them: what a stream remembers lies in buffers, a row for each of a batch.

nn~ and its like call a method with sound and nothing else, so here, and nowhere else, a layer keeps its past
in itself. Parameters and parts have the same names as in `perform.rave`, so that a file can be read back.

All of it is compiled by `torch.jit.script`, which knows a part of Python: annotations are no strings here,
functions use no globals, and what a module gives cannot be cast.
"""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, leaky_relu

from perform.rave.blocks import AdaIN, Delay, NoiseSynth, Residual, Snake, mod_sigmoid
from perform.rave.encoder import Spectrum
from perform.rave.stream import FEW, Chain, Conv1d, ConvTranspose1d, LeakyReLU, ResidualUnit


class Layer(nn.Module):
    """(B, channels, n) to another such, of B rows at most."""

    def forward(self, x: Tensor) -> Tensor:
        """What it is told, as it is."""
        return x

    @torch.jit.export
    def forget(self) -> int:
        """Back to the beginning."""
        return 0


class History(Layer):
    """The last `samples` of the calls before, then x: (B, channels, n) -> (B, channels, samples + n)."""

    past: Tensor  # (rows, channels, samples)

    def __init__(self, rows: int, channels: int, samples: int) -> None:
        super().__init__()
        self.register_buffer("past", torch.zeros(rows, channels, samples))

    def forward(self, x: Tensor) -> Tensor:
        """See above."""
        batch = x.shape[0]
        joined = torch.cat([self.past[:batch], x], -1)
        self.past[:batch] = joined[..., x.shape[-1] :]
        return joined

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        self.past.zero_()
        return 0


class Sequence(nn.Sequential):
    """Layers one after another."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__(*layers)

    @torch.jit.export
    def forget(self) -> int:
        """Every layer's past."""
        for layer in self:
            layer.forget()  # type: ignore[operator]
        return 0


class Convolution(Layer):
    """As `Conv1d`; with a `history` of `memory` samples, or on what has its past already."""

    def __init__(self, layer: Conv1d, rows: int, memory: int) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.stride, self.dilation, self.groups = layer.stride, layer.dilation, layer.groups
        self.reach, self.align, self.few = layer.reach, layer.align, FEW * layer.stride
        self.remembers = memory > 0
        self.history = History(rows, layer.weight.shape[1] * layer.groups, memory)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, n) -> (B, outputs, n / stride); few columns as one matrix product."""
        if self.remembers:
            x = self.history(x)
            x = x[..., : x.shape[-1] - self.align]
        if self.groups > 1 or x.shape[-1] - self.reach >= self.few:
            return conv1d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        taps = x.unfold(-1, self.reach, self.stride)[..., :: self.dilation]
        columns = taps.transpose(2, 3).flatten(1, 2)  # (B, inputs * kernel, n / stride)
        return torch.matmul(self.weight.flatten(1), columns) + self.bias[:, None]

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        return self.history.forget()


class Transposed(Layer):
    """As `ConvTranspose1d`."""

    def __init__(self, layer: ConvTranspose1d, rows: int) -> None:
        super().__init__()
        self.weight, self.bias, self.ratio = layer.weight, layer.bias, layer.ratio
        self.history = History(rows, len(layer.bias), layer.ratio)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, n) -> (B, outputs, n * ratio): each frame's first half, and the second of the last."""
        frames = torch.matmul(self.weight.flatten(1).t(), x)  # (B, outputs * 2 * ratio, n)
        frames = frames.reshape(x.shape[0], -1, 2, self.ratio, x.shape[-1]).transpose(3, 4)
        halves = frames.flatten(3)  # (B, outputs, 2, n * ratio)
        late = self.history(halves[:, :, 1])
        return halves[:, :, 0] + late[..., : halves.shape[-1]] + self.bias[:, None]

    @torch.jit.export
    def forget(self) -> int:
        """Nothing is left of the last frame."""
        return self.history.forget()


class Leaky(Layer):
    """As `LeakyReLU`."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return leaky_relu(x, 0.2)


class Periodic(Layer):
    """As `Snake`."""

    def __init__(self, layer: Snake) -> None:
        super().__init__()
        self.alpha = layer.alpha

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) to the same shape."""
        return x + (self.alpha * x).sin().square() / (self.alpha + 1e-9)


class Style(Layer):
    """As `AdaIN`, with the style that the model has learnt."""

    scale: Tensor
    shift: Tensor

    def __init__(self, layer: AdaIN) -> None:
        super().__init__()
        self.register_buffer("known", layer.known)  # for who takes the model back
        self.register_buffer("heard", layer.heard)
        scale, shift = layer.style
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) to the same shape."""
        return x * self.scale + self.shift


class Late(Layer):
    """As `Delay`."""

    def __init__(self, layer: Delay, rows: int) -> None:
        super().__init__()
        self.history = History(rows, len(layer.silence), layer.samples)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) to the same shape."""
        return self.history(x)[..., : x.shape[-1]]

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        return self.history.forget()


class Unit(Layer):
    """As `ResidualUnit`."""

    def __init__(self, layer: ResidualUnit, rows: int) -> None:
        super().__init__()
        self.dilated = Convolution(layer.dilated, rows, 0)
        self.pointwise = Convolution(layer.pointwise, rows, 0)
        self.history = History(rows, len(layer.pointwise.bias), layer.memory)
        self.memory, self.delay = layer.memory, layer.delay

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) to the same shape."""
        past = self.history(x)
        y = self.dilated(leaky_relu(past, 0.2))
        y = self.pointwise(leaky_relu(y, 0.2))
        return past[..., self.memory - self.delay : past.shape[-1] - self.delay] + y

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        return self.history.forget()


class Straight(Layer):
    """As `Residual`."""

    def __init__(self, layer: Residual, rows: int) -> None:
        super().__init__()
        self.body = scripted(layer.body, rows)
        self.straight = scripted(layer.straight, rows)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, n) to the same shape."""
        y = self.body(x)
        return self.straight(x) + y

    @torch.jit.export
    def forget(self) -> int:
        """Both ways' past."""
        self.straight.forget()
        self.body.forget()
        return 0


class Spectra(Layer):
    """As `Spectrum`."""

    long: Tensor
    short: Tensor

    def __init__(self, layer: Spectrum, rows: int) -> None:
        super().__init__()
        self.hop = layer.hop
        self.register_buffer("long", layer.long)
        self.register_buffer("short", layer.short)
        self.history = History(rows, layer.bands, layer.memory)

    def forward(self, x: Tensor) -> Tensor:
        """(B, bands, n * hop) -> (B, features, n)."""
        past = self.history(x)
        return torch.cat([self.levels(past, self.long), self.levels(x, self.short)], 1)

    def levels(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Log magnitudes by one window."""
        spectrum = conv1d(x.reshape(-1, 1, x.shape[-1]), kernel, None, self.hop)
        real, imaginary = spectrum.chunk(2, 1)
        level = torch.log10(real.square() + imaginary.square() + 1e-8) / 4 + 1
        return level.reshape(x.shape[0], -1, level.shape[-1])

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        return self.history.forget()


class Hiss(nn.Module):
    """As `NoiseSynth`: what it hears and uniform noise, to sound in bands."""

    filters: Tensor

    def __init__(self, layer: NoiseSynth, rows: int) -> None:
        super().__init__()
        self.net = scripted(layer.net, rows)
        self.bands, self.taps, self.frame = layer.bands, layer.taps, layer.frame
        self.register_buffer("filters", layer.filters)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, channels, n), noise (B, bands, n) in -1..1 -> (B, bands, n)."""
        y = self.net(x)
        y = y.reshape(x.shape[0], self.bands, self.taps, y.shape[-1]).transpose(2, 3)
        amplitudes = mod_sigmoid(y - 5)
        frames = noise.reshape(x.shape[0], self.bands, -1, self.frame)
        parts = torch.matmul(frames, self.filters)
        parts = parts.reshape(x.shape[0], self.bands, -1, self.taps, self.frame)
        return (parts * amplitudes[..., None]).sum(3).flatten(2)

    @torch.jit.export
    def forget(self) -> int:
        """The net's past."""
        return self.net.forget()


_MADE: dict[type[nn.Module], Callable[[Any, int], nn.Module]] = {
    Conv1d: lambda layer, rows: Convolution(layer, rows, layer.memory),
    Chain: lambda layer, rows: Sequence(scripted(part, rows) for part in layer),
    LeakyReLU: lambda layer, rows: Leaky(),
    Snake: lambda layer, rows: Periodic(layer),
    AdaIN: lambda layer, rows: Style(layer),
    ConvTranspose1d: Transposed,
    Delay: Late,
    ResidualUnit: Unit,
    Residual: Straight,
    Spectrum: Spectra,
    NoiseSynth: Hiss,
}


def scripted(layer: nn.Module, rows: int) -> Any:
    """A layer of `perform.rave` as one that keeps its past itself, `rows` of it; the weights are shared."""
    return _MADE[type(layer)](layer, rows)
