"""What learns between encoder and decoder: noise that latents must outlast, and what keeps them in bounds.

Each takes what the encoder made and the dice, and gives what the decoder hears and a penalty.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize, one_hot, softplus

from perform.rave.bottleneck import Codebooks, nearest
from perform.rave.config import Config
from perform.train.processes import TrainingProcesses

BETA = {"variational": 0.01, "wasserstein": 100.0, "spherical": 0.0, "discrete": 0.1}
"""Weight of the penalty, by the name a config has for the bottleneck."""
FORGET = 0.99
"""Share of what a codebook knew that it keeps a step."""
DEAD = 2.0
"""Uses a step, averaged, below which an entry begins anew."""


def dice_rows(config: Config) -> int:
    """Rows of normal noise that a frame is trained with."""
    drawn = config.bottleneck in ("variational", "wasserstein")
    return (config.full_latents if drawn else 0) + config.noise_latents


def pass_bottleneck(config: Config, y: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
    """What the encoder made (B, width, n) and `dice` (B, dice_rows, n) to the decoder's input and a penalty.

    For codebooks see `QuantizerTraining`.
    """
    match config.bottleneck:
        case "variational":
            mean, scale = y.chunk(2, 1)
            std = softplus(scale) + 1e-4
            drawn, rest = torch.split(dice, [config.full_latents, config.noise_latents], 1)
            return torch.cat([mean + std * drawn, rest], 1), divergence(mean, std)
        case "wasserstein":
            drawn, rest = torch.split(dice, [config.full_latents, config.noise_latents], 1)
            return torch.cat([y, rest], 1), discrepancy(y, drawn)
        case "spherical":
            return torch.cat([normalize(y, dim=1), dice], 1), y.new_zeros(())
    raise AssertionError(config.bottleneck)


def divergence(mean: Tensor, std: Tensor) -> Tensor:
    """KL divergence from a standard normal, nats a frame, of posteriors (B, full_latents, n)."""
    return 0.5 * (mean.square() + std.square() - 2 * std.log() - 1).sum(1).mean()


def discrepancy(z: Tensor, normal: Tensor) -> Tensor:
    """Maximum mean discrepancy between latents and a normal's, both (B, latents, n) (arXiv 1711.01558)."""
    a, b = (x.transpose(1, 2).flatten(0, 1).float() for x in (z, normal))  # (frames, latents)

    def alike(x: Tensor, y: Tensor) -> Tensor:
        apart = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        return (-apart / x.shape[1] ** 2).exp().mean()

    return alike(a, a) + alike(b, b) - 2 * alike(a, b)


class QuantizerTraining(nn.Module):
    """Residual codebooks as they learn: each entry moves to the mean of what it stands for.

    After SoundStream (arXiv 2107.03312, section 3.3): running averages instead of a gradient, and entries
    that hardly anything comes to are put where something is. The gradient passes straight through.
    """

    counts: Tensor  # (books, size): uses a step, a running average
    sums: Tensor  # (books, size, dimensions): of what came to each entry

    def __init__(self, codebooks: Codebooks, seed: int) -> None:
        super().__init__()
        entries = codebooks.entries
        self.seed = seed
        self.register_buffer("counts", torch.full(entries.shape[:2], DEAD))
        self.register_buffer("sums", DEAD * entries.clone())

    def forward(self, codebooks: Codebooks, y: Tensor) -> tuple[Tensor, Tensor]:
        """(B, dimensions, n) to the sum of its entries, and how far from them it is."""
        rest, penalty = y, y.new_zeros(())
        nearest = codebooks.encode(y.detach())
        for book, number in zip(codebooks.entries, nearest.long().unbind(1), strict=True):
            entry = book[number].transpose(1, 2)
            penalty = penalty + mse_loss(rest, entry)
            rest = rest - entry
        return y - rest.detach(), penalty  # the entries' sum, with the slope of y

    @torch.no_grad()
    def learn(self, codebooks: Codebooks, y: Tensor, step: int, world: TrainingProcesses) -> None:
        """Move the entries towards what the encoder made, (B, dimensions, n), in all processes alike."""
        rest = y.transpose(1, 2).flatten(0, 1)  # (frames, dimensions)
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        for index, book in enumerate(codebooks.entries):
            number = nearest(rest, book)
            hot = one_hot(number, len(book)).to(rest.dtype)  # (frames, size)
            count, total = world.sum(hot.sum(0)), world.sum(hot.T @ rest)
            self.counts[index].lerp_(count, 1 - FORGET)
            self.sums[index].lerp_(total, 1 - FORGET)
            picks = torch.randint(len(rest), (len(book),), generator=random).to(rest.device)
            fresh = world.from_first(rest[picks])
            dead = (self.counts[index] < (DEAD / 2 if step else torch.inf))[:, None]  # at first, all
            self.counts[index] = torch.where(dead[:, 0], DEAD, self.counts[index])
            self.sums[index] = torch.where(dead, DEAD * fresh, self.sums[index])
            rest = rest - book[number]
            book.copy_(self.sums[index] / self.counts[index][:, None])
