"""Latents as choices, which a prior learns to predict, and two simple baselines for its loss.

Each latent of a frame is one choice: the index of a step, or of an entry of a codebook.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from perform.rave.config import PriorConfig
from perform.rave.model import RAVE
from perform.rave.prior import Prior

STEPS = 32
"""Steps of a latent, unless it is an entry of a codebook."""


def prior_config(model: RAVE, width: int, layers: int, cycle: int) -> PriorConfig:
    """Return the config of a prior for a model. width: channels, rounded to a multiple of the latents."""
    count = model.latents
    width = count * max(1, round(width / count))
    resolution = model.config.codebook or STEPS
    pairs = resolution <= STEPS  # with a codebook, pairs would outnumber all other weights
    return PriorConfig(count, resolution, width, 2 * width, 3, layers, cycle, pairs)


def fit_edges(prior: Prior, z: Tensor, codebook: int = 0) -> None:
    """Set the edges of a prior's steps from latents (latents, frames), or to a codebook's entries.

    The edges are the mean of quantiles, which would be coarse at rare extremes, and of equal widths.
    """
    share = np.linspace(0, 1, prior.config.resolution + 1)
    for edges, values in zip(prior.edges, np.sort(z.double().numpy(), 1), strict=True):
        rank = np.linspace(0, 1, len(values))
        place = (values - values[0]) / max(values[-1] - values[0], 1e-9)
        found = share * codebook if codebook else np.interp(share, (rank + place) / 2, values)
        edges.copy_(torch.from_numpy(found))


def choices_of(prior: Prior, z: Tensor) -> Tensor:
    """Convert latents (latents, n) to choices in the order they are made, (latents, n - latents + 1).

    The first latent is chosen the most frames before it sounds, see `Prior.unfold`.
    """
    choices, count = prior.choices(z), len(z)
    frames = z.shape[1] - count + 1
    if frames < 1:
        return choices[:, :0]
    return torch.stack([row[count - 1 - i :][:frames] for i, row in enumerate(choices)])


def count_choices(config: PriorConfig, training: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Count the choices of a corpus: return their frequencies and their transition probabilities.

    The frequencies are (latents, resolution), the transitions (latents, resolution, resolution). A pair that
    never occurred gets the frequency of its second choice.
    """
    size, pairs = config.resolution, torch.zeros(config.latents, config.resolution**2)
    for choices in training:
        after = choices[:, :-1] * size + choices[:, 1:]
        pairs += torch.stack([torch.bincount(row, minlength=size**2) for row in after])
    pairs = pairs.reshape(-1, size, size)
    frequencies = pairs.sum(1) + 1
    frequencies = frequencies / frequencies.sum(1, keepdim=True)
    return frequencies, (pairs + 4 * frequencies[:, None]) / (pairs.sum(2, keepdim=True) + 4)


def baselines(frequencies: Tensor, transitions: Tensor, held_out: list[Tensor]) -> tuple[float, float]:
    """Return the losses of two baselines in nats per held-out frame: by transition and by frequency."""
    latent, by_transition, by_frequency, frames = torch.arange(len(frequencies))[:, None], 0.0, 0.0, 0
    for choices in held_out:
        by_transition -= float(transitions[latent, choices[:, :-1], choices[:, 1:]].log().sum())
        by_frequency -= float(frequencies[latent, choices[:, 1:]].log().sum())
        frames += choices.shape[1] - 1
    return by_transition / frames, by_frequency / frames
