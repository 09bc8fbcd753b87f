"""A prior as TorchScript has it: `perform.rave.prior`, with its past in itself."""

# mypy: disable-error-code="no-any-return"

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from perform.rave.export.scripted_layers import scripted
from perform.rave.prior import GatedUnit, Prior, normal_quantile


class Gate(nn.Module):
    """As `GatedUnit`."""

    def __init__(self, unit: GatedUnit, rows: int) -> None:
        super().__init__()
        self.dilated, self.onward = scripted(unit.dilated, rows), scripted(unit.onward, rows)
        self.aside = scripted(unit.aside, rows)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, width, n) to what goes on, and what is added to the result."""
        gate, signal = self.dilated(x).chunk(2, 1)
        y = torch.sigmoid(gate) * torch.tanh(signal)
        return x + self.onward(y), self.aside(y)

    @torch.jit.export
    def forget(self) -> int:
        """Nothing was chosen yet."""
        return self.dilated.forget()


class Sampler(nn.Module):
    """As `Prior.step`, for any number of frames."""

    edges: Tensor
    normal: Tensor
    pairs: Tensor | None
    latent: Tensor
    choice: Tensor  # (rows, latents): the last one
    unheard: Tensor  # (rows, latents, latents - 1): what is chosen and waits
    first: Tensor  # as that is before the first frame

    def __init__(self, prior: Prior, rows: int) -> None:
        super().__init__()
        config = prior.config
        self.latents, self.resolution = config.latents, config.resolution
        self.head, self.middle, self.tail = (
            scripted(part, rows) for part in (prior.head, prior.middle, prior.tail)
        )
        self.units = nn.ModuleList(Gate(unit, rows) for unit in prior.units if isinstance(unit, GatedUnit))
        choice, unheard, *_ = prior.init_state(rows)
        self.register_buffer("edges", prior.edges)
        self.register_buffer("normal", prior.normal)
        self.register_buffer("pairs", prior.pairs)
        self.register_buffer("latent", torch.arange(self.latents))
        self.register_buffer("choice", choice.long())
        self.register_buffer("unheard", unheard.clone())
        self.register_buffer("first", unheard[:1].clone())

    def forward(self, uniform: Tensor, temperature: Tensor) -> Tensor:
        """(B, 2 x latents, n) in 0..1, (B, n) above 0 -> latents (B, latents, n)."""
        heard: list[Tensor] = []
        for i in range(uniform.shape[2]):
            heard.append(self.step(uniform[:, :, i], temperature[:, i]))
        return torch.stack(heard, 2)

    def step(self, uniform: Tensor, temperature: Tensor) -> Tensor:
        """One frame: (B, 2 x latents), (B,) -> (B, latents)."""
        batch = uniform.shape[0]
        logits = self.odds(self.choice[:batch]) / temperature[:, None, None]
        share = torch.softmax(logits, -1).cumsum(-1)  # (B, latents, resolution)
        pick, place = uniform.chunk(2, 1)
        choice = (share < pick[:, :, None]).sum(-1).clamp(max=self.resolution - 1)
        self.choice[:batch] = choice
        line = torch.cat([self.unheard[:batch], self.values(choice, place)[:, :, None]], -1)
        self.unheard[:batch] = line[:, :, 1:]
        return line.diagonal(0, 1, 2)

    def odds(self, choice: Tensor) -> Tensor:
        """What was chosen last, (B, latents), to the logits of what comes next, (B, latents, resolution)."""
        hot = one_hot(choice, self.resolution).to(self.edges.dtype).flatten(1)[:, :, None]
        x = leaky_relu(self.head(hot), 0.2)
        skip = torch.zeros([1], device=x.device)
        for unit in self.units:
            x, aside = unit(x)
            skip = skip + aside
        y = self.tail(leaky_relu(self.middle(skip), 0.2))
        y = y.reshape(y.shape[0], self.latents, self.resolution)
        pairs = self.pairs
        if pairs is not None:
            y = y + pairs[self.latent, choice]
        return y

    def values(self, step: Tensor, place: Tensor) -> Tensor:
        """As `Prior.values`."""
        low, high = self.normal[step], self.normal[step + 1]
        part = (normal_quantile((step + place) / self.resolution) - low) / (high - low)
        edges = self.edges.expand(step.shape[0], -1, -1)
        low = edges.gather(2, step[:, :, None])[:, :, 0]
        high = edges.gather(2, step[:, :, None] + 1)[:, :, 0]
        return low + (high - low) * part

    @torch.jit.export
    def forget(self) -> int:
        """Back to before the first frame."""
        self.choice.fill_(self.resolution // 2)
        self.unheard.copy_(self.first.expand_as(self.unheard))
        self.head.forget()
        for unit in self.units:
            unit.forget()  # type: ignore[operator]
        return 0
