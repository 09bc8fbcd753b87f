"""Streaming layers: weights belong to the layer, the state of a stream is an argument.

Every layer maps `(x, state) -> (y, state)`; `init_state(batch)` gives the state before the first
sample. A state is a flat list of tensors, always of the same length and shapes, so it can become
inputs and outputs of a graph. Training calls a layer once with a whole signal, from the first state, so it
trains exactly what is played.

`torch.jit.script` compiles `forward` and what it calls (rave/export). So in this module, and in the others
with layers, annotations are types and not strings, and those methods use attributes instead of globals.
"""

import math
from collections.abc import Iterator
from functools import singledispatch

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv_transpose1d, leaky_relu

from perform.rave import model_layers
from perform.rave.model_layers import UnknownLayer

State = list[Tensor]

FEW = 32
"""Outputs up to which a convolution is one matrix product: a deck decodes one frame at a time, and
torch's convolutions, made for long signals, take twice as long there."""


class Streaming(nn.Module):
    """A layer whose state has `states` tensors (0 unless a subclass sets it)."""

    def __init__(self) -> None:
        super().__init__()
        self.states = 0

    def init_state(self, batch: int) -> State:
        """The state before the first sample, for `batch` streams."""
        return []

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Input (B, channels, n) and the state before it to the output and the state after it."""
        raise NotImplementedError

    def learn(self, side: int) -> int:
        """Let the AdaIN layers in it learn a side, see `blocks.AdaIN`; the result is 0."""
        return 0

    def forget_style(self, side: int) -> int:
        """Let the AdaIN layers in it forget a side; the result is 0."""
        return 0


class Conv1d(Streaming):
    """Convolution, (B, inputs, n) -> (B, outputs, n / stride); n a multiple of `stride`.

    padding : samples of silence before and after a whole signal, (left, right). By default the window of each
        output ends at the newest sample of its stride. A right padding delays the stream by that much.
    align : samples of extra delay, so that the delay so far is a multiple of the stride

    A stream remembers the last `memory = left + right + align` samples:

        | memory |  x0  x1  x2 ...        kernel 3, dilation 2, stride 1: 4 samples of memory,
          <--- kernel --->  |             y0 sees up to x0 and nothing later
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        padding: tuple[int, int] | None = None,
        align: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        layer = model_layers.Conv1dLayer(inputs, outputs, kernel, stride, dilation, padding, align, groups)
        self.stride, self.dilation, self.align, self.groups = stride, dilation, align, groups
        self.few = FEW * stride
        self.reach, self.padding, self.memory = layer.reach, layer.padding, layer.memory
        self.states = 1 if self.memory else 0
        self.weight = nn.Parameter(torch.empty(layer.shapes["weight"]))
        self.bias = nn.Parameter(torch.empty(layer.shapes["bias"]))
        _init(self.weight, self.bias, inputs // groups * kernel)

    @property
    def delay(self) -> int:
        """Delay of a stream against the same convolution of a whole signal, in samples of the input."""
        return self.padding[1] + self.align

    def init_state(self, batch: int) -> State:
        """[(batch, inputs, memory)], or none for a pointwise convolution."""
        inputs = self.weight.shape[1] * self.groups
        return [self.bias.new_zeros(batch, inputs, self.memory)] if self.states else []

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, inputs, n) -> (B, outputs, n / stride)."""
        if self.memory > 0:
            x = torch.cat([state[0], x], -1)
            state = [x[..., x.shape[-1] - self.memory :]]
        return self.valid(x[..., : x.shape[-1] - self.align]), state

    def valid(self, x: Tensor) -> Tensor:
        """Outputs whose window lies in x: (B, inputs, left + n + right) -> (B, outputs, n / stride)."""
        if self.groups > 1 or x.shape[-1] - self.reach >= self.few:
            return conv1d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        taps = x.unfold(-1, self.reach, self.stride)[..., :: self.dilation]  # (B, inputs, n / stride, kernel)
        columns = taps.transpose(2, 3).flatten(1, 2)  # (B, inputs * kernel, n / stride)
        return self.weight.flatten(1) @ columns + self.bias[:, None]


class ConvTranspose1d(Streaming):
    """Upsampling by `ratio` with a kernel of 2 x ratio: (B, inputs, n) -> (B, outputs, n * ratio).

    Each input frame writes two output frames; the second, not complete until the next input, is
    the state.

        x0:  [a0 b0]
        x1:     [a1 b1]         y0 = memory + a0, y1 = b0 + a1, new memory = b1
    """

    def __init__(self, inputs: int, outputs: int, ratio: int) -> None:
        super().__init__()
        self.states = 1
        self.ratio, self.few = ratio, FEW
        self.weight = nn.Parameter(torch.empty(inputs, outputs, 2 * ratio))
        self.bias = nn.Parameter(torch.empty(outputs))
        _init(self.weight, self.bias, 2 * inputs)

    def init_state(self, batch: int) -> State:
        """[(batch, outputs, ratio)]."""
        return [self.bias.new_zeros(batch, self.bias.shape[0], self.ratio)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, inputs, n) -> (B, outputs, n * ratio)."""
        whole = x.shape[-1] * self.ratio
        if x.shape[-1] > self.few:
            y = conv_transpose1d(x, self.weight, stride=self.ratio)  # (B, outputs, (n + 1) * ratio)
            y = torch.cat([y[..., : self.ratio] + state[0], y[..., self.ratio :]], -1)
        else:
            frames = self.weight.flatten(1).T @ x  # (B, outputs * 2 * ratio, n)
            frames = frames.reshape(len(x), -1, 2, self.ratio, x.shape[-1]).transpose(
                3, 4
            )  # (B, outputs, 2, n, ratio)
            first, second = frames.flatten(3).unbind(2)  # each (B, outputs, n * ratio)
            overlap = torch.cat([state[0], second], -1)
            y = torch.cat([first + overlap[..., :whole], overlap[..., whole:]], -1)
        return y[..., :whole] + self.bias[:, None], [y[..., whole:]]


class LeakyReLU(Streaming):
    """max(x, 0.2 x), without state. It ignores `channels`, which other activations need."""

    def __init__(self, channels: int = 0) -> None:
        super().__init__()

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Any shape to the same shape."""
        return leaky_relu(x, 0.2), state


class ResidualUnit(Streaming):
    """x + pointwise(leaky(dilated(leaky(x)))): the dilated unit of RAVE v2, (B, channels, n) kept.

    A centred convolution delays its output by `delay` samples, so x is delayed too: one state serves both.
    """

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilation: int,
        padding: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.states = 1
        self.dilated = Conv1d(channels, channels, kernel, dilation=dilation, padding=padding)
        self.pointwise = Conv1d(channels, channels, 1)
        self.memory, self.delay = self.dilated.memory, self.dilated.delay

    def init_state(self, batch: int) -> State:
        """[(batch, channels, memory)]: the last samples of x."""
        return self.dilated.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) -> (B, channels, n)."""
        past = torch.cat([state[0], x], -1)
        y = self.dilated.valid(leaky_relu(past, 0.2))
        y, _ = self.pointwise(leaky_relu(y, 0.2), [])
        straight = past[..., self.memory - self.delay : past.shape[-1] - self.delay]
        return straight + y, [past[..., past.shape[-1] - self.memory :]]


class Chain(Streaming, nn.Sequential):
    """Layers in sequence; the state is their states, one after another."""

    def __init__(self, *layers: Streaming) -> None:
        super().__init__()
        for index, layer in enumerate(layers):
            self.add_module(str(index), layer)
        self.states = sum(layer.states for layer in layers)

    def __iter__(self) -> Iterator[Streaming]:
        for layer in self.children():
            assert isinstance(layer, Streaming)
            yield layer

    def init_state(self, batch: int) -> State:
        """The layers' states, one after another."""
        return [tensor for layer in self for tensor in layer.init_state(batch)]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        """(B, channels, n) through every layer."""
        after: State = []
        for layer in self:
            start = len(after)
            x, new = layer(x, state[start : start + layer.states])
            after = after + new
        return x, after

    def learn(self, side: int) -> int:
        """Let the AdaIN layers learn a side."""
        for layer in self:
            layer.learn(side)
        return 0

    def forget_style(self, side: int) -> int:
        """Let the AdaIN layers forget a side."""
        for layer in self:
            layer.forget_style(side)
        return 0


@singledispatch
def module(layer: model_layers.Layer) -> Streaming:
    """The module that computes a layer, with initial weights. The file of each module registers it here."""
    raise UnknownLayer(layer, "the torch module")


@module.register
def chain(layer: model_layers.ChainLayer) -> Chain:
    """The modules of layers in sequence."""
    return Chain(*map(module, layer.layers))


@module.register
def convolution(layer: model_layers.Conv1dLayer) -> Conv1d:
    """The module of a convolution."""
    sizes = layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.dilation
    return Conv1d(*sizes, layer.padding, layer.align, layer.groups)


@module.register
def _(layer: model_layers.ConvTranspose1dLayer) -> Streaming:
    return ConvTranspose1d(layer.inputs, layer.outputs, layer.ratio)


@module.register
def _(layer: model_layers.LeakyReLULayer) -> Streaming:
    return LeakyReLU()


@module.register
def _(layer: model_layers.ResidualUnitLayer) -> Streaming:
    inner = layer.dilated
    return ResidualUnit(inner.inputs, inner.kernel, inner.dilation, inner.padding)


def _init(weight: Tensor, bias: Tensor, fan_in: int) -> None:
    """Initial weights, uniform in +-1/sqrt(fan_in); `fan_in` counts the weights of one output."""
    bound = 1 / math.sqrt(fan_in)
    nn.init.uniform_(weight, -bound, bound)
    nn.init.uniform_(bias, -bound, bound)
