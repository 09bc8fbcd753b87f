"""The state of streams inside an export: buffers with a row for each stream of a batch.

nn~ calls a method with sound and nothing else. So an export keeps the state that our layers take as an
argument, and passes it to these same layers, compiled by `torch.jit.script`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from perform.rave.prior import Prior


class StateBuffer(nn.Module):
    """One tensor of a state, for every stream, and its value before the first sample."""

    now: Tensor  # (signals, ...): `each` signals a stream, one for every channel of the filter bank
    first: Tensor  # (1, ...)

    def __init__(self, first: Tensor, rows: int) -> None:
        super().__init__()
        self.each = len(first) // rows
        self.register_buffer("now", first.clone())
        self.register_buffer("first", first[:1].clone())


class StreamMemory(nn.ModuleList):
    """The state of `rows` streams; `state` is their first one, as `init_state(rows)` gives it."""

    def __init__(self, state: list[Tensor], rows: int) -> None:
        super().__init__(StateBuffer(first, rows) for first in state)

    def __iter__(self) -> Iterator[StateBuffer]:
        for part in self.children():
            assert isinstance(part, StateBuffer)
            yield part

    def read(self, batch: int) -> list[Tensor]:
        """The state of the first `batch` streams."""
        state: list[Tensor] = []
        for part in self:
            state.append(part.now[: batch * part.each])
        return state

    def write(self, state: list[Tensor]) -> int:
        """Store the state of the first streams, as many as it has; the result is 0."""
        for i, part in enumerate(self):
            part.now[: state[i].shape[0]] = state[i]
        return 0

    def reset(self) -> int:
        """Return to the state before the first sample; the result is 0."""
        for part in self:
            part.now.copy_(part.first.expand_as(part.now))
        return 0


class StreamingPrior(Prior):
    """A prior that keeps the state of `rows` streams."""

    def __init__(self, prior: Prior, rows: int) -> None:
        super().__init__(prior.config)
        self.load_state_dict(prior.state_dict())
        self.memory = StreamMemory(prior.init_state(rows), rows)

    def forward(self, uniform: Tensor, temperature: Tensor) -> Tensor:
        """Uniform noise (B, 2 x latents, n) in 0..1, temperatures (B, n) -> latents (B, latents, n)."""
        state = self.memory.read(uniform.shape[0])
        frames: list[Tensor] = []
        for i in range(uniform.shape[2]):
            z, state = self.step(uniform[:, :, i], state, temperature[:, i])
            frames.append(z)
        self.memory.write(state)
        return torch.stack(frames, 2)
