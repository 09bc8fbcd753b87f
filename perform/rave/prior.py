"""The prior: it draws the next frame of latents from the frames before (after WaveNet, arXiv 1609.03499).

Each latent is quantised to `resolution` steps: quantiles of a normal distribution, as in upstream, or steps
fitted to a corpus. A stack of dilated gated convolutions takes the last choices and gives the logits of the
next. The latents of a frame depend on one another. So latent `i` is chosen `latents - 1 - i` frames before
its frame: the most important one first, and the others with knowledge of it.

Random numbers are an argument, like the state: the same numbers give the same latents.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from perform.rave import kernels
from perform.rave.config import PriorConfig
from perform.rave.kernels import LIMIT
from perform.rave.stream import Conv1d, State, Streaming


class GatedUnit(Streaming):
    """A dilated convolution with a gate: one output for the next unit, one (the skip) for the result."""

    def __init__(self, width: int, skip: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.states = 1
        self.dilated = Conv1d(width, 2 * width, kernel, dilation=dilation)
        self.onward = Conv1d(width, width, 1)
        self.aside = Conv1d(width, skip, 1)

    def init_state(self, batch: int) -> State:
        """The state of the dilated convolution."""
        return self.dilated.init_state(batch)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, width, n) to the input of the next unit and the skip, as one tensor (B, width + skip, n)."""
        y, state = self.dilated(x, state)
        gate, signal = y.chunk(2, 1)
        y = torch.sigmoid(gate) * torch.tanh(signal)
        return torch.cat([x + self.onward.valid(y), self.aside.valid(y)], 1), state


class Prior(nn.Module):
    """Draws frames of latents from their past and from random numbers."""

    edges: Tensor  # (latents, resolution + 1): the edges of the steps
    pairs: Tensor | None  # (latents, last choice, next choice): logits

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.latents, self.resolution = config.latents, config.resolution
        self.width, self.skip = config.width, config.skip
        size = config.latents * config.resolution
        edges = torch.from_numpy(kernels.normal_edges(config.resolution))
        self.register_buffer("normal", edges, persistent=False)
        self.register_buffer("edges", self.normal.repeat(config.latents, 1))
        self.normal: Tensor  # (resolution + 1,): the edges of a normal distribution
        square = torch.zeros(config.latents, config.resolution, config.resolution)
        self.register_buffer("pairs", square if config.pairs else None)
        self.head = Conv1d(size, config.width, config.kernel, groups=config.latents)
        self.units = nn.ModuleList(
            GatedUnit(config.width, config.skip, config.kernel, 2 ** (i % config.cycle))
            for i in range(config.layers)
        )
        self.middle = Conv1d(config.skip, config.skip, 1)
        self.tail = Conv1d(config.skip, size, 1, groups=config.latents)

    def init_state(self, batch: int) -> State:
        """State before the first frame: last choice (batch, latents), latents that wait, the net's."""
        latents = self.config.latents
        half = self.config.resolution // 2
        middle = self.head.bias.new_full((batch, latents), half)
        waiting = self.edges[:, half, None].expand(batch, -1, latents - 1)
        net = [state for unit in (self.head, *self.units) for state in unit.init_state(batch)]
        return [middle, waiting, *net]

    def logits(self, choices: Tensor, state: State) -> tuple[Tensor, State]:
        """Choices (B, latents, n) to logits of the choice after each, (B, latents, resolution, n)."""
        hot = one_hot(choices.long(), self.resolution).to(self.head.bias)  # (B, latents, n, resolution)
        x, after = self.head(hot.transpose(2, 3).flatten(1, 2), state[:1])
        x, skip = leaky_relu(x, 0.2), torch.zeros([1], device=x.device)
        for i, unit in enumerate(self.units):
            y, new = unit(x, state[i + 1 : i + 2])
            x, aside = y.split([self.width, self.skip], 1)
            skip = skip + aside
            after = after + new
        y = self.tail.valid(leaky_relu(self.middle.valid(skip), 0.2))
        y = y.reshape(len(y), self.latents, self.resolution, -1)
        pairs = self.pairs
        if pairs is not None:
            latent = torch.arange(self.latents, device=y.device)[:, None]
            y = y + pairs[latent, choices.long()].transpose(2, 3)
        return y, after

    def step(self, noise: Tensor, state: State, temperature: Tensor) -> tuple[Tensor, State]:
        """The next frame of latents, (B, latents).

        noise : (B, 2 x latents), uniform in 0..1: for each latent a choice, then a place within the step
        temperature : (B,) or a scalar, above 0; 1 keeps the learnt probabilities, less prefers likely choices
        """
        logits, net = self.logits(state[0][..., None], state[2:])
        logits = logits[..., 0] / temperature[..., None, None]
        share = torch.softmax(logits, -1).cumsum(-1)  # (B, latents, resolution)
        pick, place = noise.chunk(2, 1)
        choice = (share < pick[..., None]).sum(-1).clamp(max=self.resolution - 1).to(noise.dtype)
        z, waiting = self.unfold(self.values(choice + place), state[1])
        return z, [choice, waiting] + net  # noqa: RUF005 (torch.jit.script unpacks no lists)

    def values(self, position: Tensor) -> Tensor:
        """Places among the steps (B, latents), 0 to `resolution`, to latents.

        Within a step they are distributed as a normal distribution is within the same step.
        """
        step = position.long().clamp(max=self.resolution - 1)
        low, high = self.normal[step], self.normal[step + 1]
        part = (normal_quantile(position / self.resolution) - low) / (high - low)
        edges = self.edges.expand(len(step), -1, -1)
        low = edges.gather(2, step[..., None])[..., 0]
        high = edges.gather(2, step[..., None] + 1)[..., 0]
        return low + (high - low) * part

    def choices(self, z: Tensor) -> Tensor:
        """Latents (latents, n) to the indices of their steps, (latents, n)."""
        return torch.searchsorted(self.edges[:, 1:-1].contiguous(), z.contiguous(), right=True)

    def unfold(self, chosen: Tensor, waiting: Tensor) -> tuple[Tensor, Tensor]:
        """The latents just chosen (B, latents) -> those of the current frame, and those of later frames."""
        line = torch.cat([waiting, chosen[..., None]], -1)  # (B, latents, latents)
        return line.diagonal(dim1=1, dim2=2), line[..., 1:]


def normal_quantile(share: Tensor, limit: float = LIMIT) -> Tensor:
    """The quantile of a standard normal distribution at `share` (0..1), clamped to the limit."""
    return (torch.erfinv(2 * share - 1) * math.sqrt(2)).clamp(-limit, limit)
