"""The bottlenecks in training: noise on the latents, and a penalty (regularisation) that keeps them bounded.

Each takes the encoder's output and noise, and returns the decoder's input and the penalty.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize, one_hot, softplus

from perform.rave.bottleneck import Codebooks, nearest
from perform.rave.config import MEASURED, Config
from perform.train.processes import TrainingProcesses

BETA = {"variational": 0.01, "wasserstein": 100.0, "spherical": 0.0, "discrete": 0.1, "pitched": 0.0003}
"""Default weight of the penalty, by the bottleneck's name in a config."""
FORGET = 0.99
"""Decay per step of a codebook's running averages."""
DEAD = 2.0
"""A codebook entry is replaced if it is used less often per step, on average."""


def latent_noise_rows(config: Config) -> int:
    """Return how many random numbers per frame the bottleneck takes in training."""
    if config.bottleneck == "pitched":
        return config.full_latents - len(MEASURED)
    drawn = config.bottleneck in ("variational", "wasserstein")
    return (config.full_latents if drawn else 0) + config.noise_latents


def pass_bottleneck(config: Config, y: Tensor, latent_noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the decoder's input and the penalty for the encoder's output. Codebooks: `QuantizerTraining`.

    y            : the encoder's output, (B, width, n)
    latent_noise : (B, latent_noise_rows, n), standard normal
    """
    match config.bottleneck:
        case "variational":
            mean, scale = y.chunk(2, 1)
            std = softplus(scale) + 1e-4
            drawn, rest = torch.split(latent_noise, [config.full_latents, config.noise_latents], 1)
            return torch.cat([mean + std * drawn, rest], 1), divergence(mean, std)
        case "wasserstein":
            drawn, rest = torch.split(latent_noise, [config.full_latents, config.noise_latents], 1)
            return torch.cat([y, rest], 1), discrepancy(y, drawn)
        case "pitched":
            measured, mean, scale = torch.split(y, [len(MEASURED), *[len(latent_noise[0])] * 2], 1)
            std = softplus(scale) + 1e-4
            return torch.cat([measured, mean + std * latent_noise], 1), divergence(mean, std)
        case "spherical":
            return torch.cat([normalize(y, dim=1), latent_noise], 1), y.new_zeros(())
    raise AssertionError(config.bottleneck)


def divergence(mean: Tensor, std: Tensor) -> Tensor:
    """Return the KL divergence of posteriors (B, full_latents, n) from a standard normal, nats per frame."""
    return 0.5 * (mean.square() + std.square() - 2 * std.log() - 1).sum(1).mean()


def discrepancy(z: Tensor, normal: Tensor) -> Tensor:
    """Return the maximum mean discrepancy (arXiv 1711.01558) of latents and noise, both (B, latents, n)."""
    a, b = (x.transpose(1, 2).flatten(0, 1).float() for x in (z, normal))  # (frames, latents)

    def kernel_mean(x: Tensor, y: Tensor) -> Tensor:
        squared_distance = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        return (-squared_distance / x.shape[1] ** 2).exp().mean()

    return kernel_mean(a, a) + kernel_mean(b, b) - 2 * kernel_mean(a, b)


class QuantizerTraining(nn.Module):
    """Training of residual codebooks, as in SoundStream (arXiv 2107.03312, section 3.3).

    Each entry follows the running average of the vectors that are quantised to it. Entries that are hardly
    used are replaced by vectors of the batch. The gradient skips the quantiser (straight-through estimator).
    """

    counts: Tensor  # (books, size): running average of uses per step
    sums: Tensor  # (books, size, dimensions): running sum of the vectors of each entry

    def __init__(self, codebooks: Codebooks, seed: int) -> None:
        super().__init__()
        entries = codebooks.entries
        self.seed = seed
        self.register_buffer("counts", torch.full(entries.shape[:2], DEAD))
        self.register_buffer("sums", DEAD * entries.clone())

    def forward(self, codebooks: Codebooks, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the nearest entries to y (B, dimensions, n), and the commitment loss."""
        rest, penalty = y, y.new_zeros(())
        numbers = codebooks.encode(y.detach())
        for book, number in zip(codebooks.entries, numbers.long().unbind(1), strict=True):
            entry = book[number].transpose(1, 2)
            penalty = penalty + mse_loss(rest, entry)
            rest = rest - entry
        return y - rest.detach(), penalty  # the sum of the entries, with the gradient of y

    @torch.no_grad()
    def learn(self, codebooks: Codebooks, y: Tensor, step: int, world: TrainingProcesses) -> None:
        """Move the entries towards the encoder's output (B, dimensions, n), equally in all processes."""
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
            dead = (self.counts[index] < (DEAD / 2 if step else torch.inf))[:, None]  # all at first
            self.counts[index] = torch.where(dead[:, 0], DEAD, self.counts[index])
            self.sums[index] = torch.where(dead, DEAD * fresh, self.sums[index])
            rest = rest - book[number]
            book.copy_(self.sums[index] / self.counts[index][:, None])
