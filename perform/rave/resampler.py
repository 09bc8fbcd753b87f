"""The resampler in some RAVE exports, whose model runs at a fraction of the sample rate."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from perform.rave import kernels, model_layers
from perform.rave.stream import State


class Resampler(nn.Module):
    """Down to 1 / `ratio` of the sample rate and up again. Streaming; the state is an argument.

    Both kernels are weights of the model: designed here, or read from its file.
    """

    down_kernel: Tensor  # (1, 1, taps)
    up_kernel: Tensor  # (ratio, 1, taps / ratio, made odd): a phase a row

    def __init__(self, ratio: int, mode: str) -> None:
        super().__init__()
        layer = model_layers.ResamplerLayer(ratio, mode)
        down, up = kernels.resampling(ratio)
        self.ratio, self.align = ratio, layer.align
        self.down_memory, self.down_delay = layer.down_memory, layer.down_delay  # samples at the higher rate
        self.up_delay = layer.up_delay  # samples at the lower rate
        self.register_buffer("down_kernel", torch.from_numpy(down))
        self.register_buffer("up_kernel", torch.from_numpy(up))

    def down_state(self, signals: int) -> State:
        """Silence before the first sample of so many signals, B x channels: [(signals, 1, memory)]."""
        return [self.down_kernel.new_zeros(signals, 1, self.down_memory)]

    def up_state(self, signals: int) -> State:
        """Silence before the first sample: [(signals, 1, memory)]."""
        return [self.up_kernel.new_zeros(signals, 1, self.up_kernel.shape[-1] - 1)]

    def down(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n * ratio) -> (B, channels, n)."""
        batch = len(x)
        x = torch.cat([state[0], x.reshape(-1, 1, x.shape[-1])], -1)  # (B x channels, 1, memory + n * ratio)
        after = [x[..., x.shape[-1] - self.down_memory :]]
        y = conv1d(x[..., : x.shape[-1] - self.align], self.down_kernel, stride=self.ratio)
        return y.reshape(batch, -1, y.shape[-1]), after

    def up(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) -> (B, channels, n * ratio)."""
        batch, samples = len(x), x.shape[-1] * self.ratio
        x = torch.cat([state[0], x.reshape(-1, 1, x.shape[-1])], -1)
        y = conv1d(x, self.up_kernel)  # (B x channels, ratio, n)
        return y.transpose(1, 2).reshape(batch, -1, samples), [x[..., x.shape[-1] - state[0].shape[-1] :]]
