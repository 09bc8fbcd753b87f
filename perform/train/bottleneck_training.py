"""The bottlenecks in training: noise on the latents and a penalty (regularisation) that keeps them bounded.

Each takes the encoder's output and random numbers, and gives the decoder's input and a penalty.
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
"""Decay of a codebook's running averages, per step."""
DEAD = 2.0
"""Average uses a step below which an entry is replaced."""


def dice_rows(config: Config) -> int:
    """Random numbers of a frame in training, standard normal."""
    drawn = config.bottleneck in ("variational", "wasserstein")
    return (config.full_latents if drawn else 0) + config.noise_latents


def pass_bottleneck(config: Config, y: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
    """The encoder's output (B, width, n) and `dice` (B, dice_rows, n) to the decoder's input and a penalty.

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
    """Training of residual codebooks: each entry moves to the mean of the vectors it stands for.

    After SoundStream (arXiv 2107.03312, section 3.3): running averages instead of a gradient; entries
    that are hardly used are replaced by vectors of the batch. The gradient is passed straight through.
    """

    counts: Tensor  # (books, size): running average of uses a step
    sums: Tensor  # (books, size, dimensions): running sum of the vectors of each entry

    def __init__(self, codebooks: Codebooks, seed: int) -> None:
        super().__init__()
        entries = codebooks.entries
        self.seed = seed
        self.register_buffer("counts", torch.full(entries.shape[:2], DEAD))
        self.register_buffer("sums", DEAD * entries.clone())

    def forward(self, codebooks: Codebooks, y: Tensor) -> tuple[Tensor, Tensor]:
        """(B, dimensions, n) to the sum of its nearest entries, and the commitment loss."""
        rest, penalty = y, y.new_zeros(())
        numbers = codebooks.encode(y.detach())
        for book, number in zip(codebooks.entries, numbers.long().unbind(1), strict=True):
            entry = book[number].transpose(1, 2)
            penalty = penalty + mse_loss(rest, entry)
            rest = rest - entry
        return y - rest.detach(), penalty  # the entries' sum, with the slope of y

    @torch.no_grad()
    def learn(self, codebooks: Codebooks, y: Tensor, step: int, world: TrainingProcesses) -> None:
        """Move the entries towards the encoder's output (B, dimensions, n), the same in all processes."""
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
