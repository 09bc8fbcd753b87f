"""Measures each latent of a model: its range over the corpus, its home, and how far it moves the sound.

The effect of a latent is measured as in `perform.core.latent_moves`, over some stretches of the model's loop
and over the hand (all other latents at home). The decoder's noise is the same each time.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from perform.core import latent_moves, mel_spectrum
from perform.core.latent_moves import LatentMoves
from perform.rave.latent_home import home_latents
from perform.rave.model import RAVE

STRETCHES = 4  #: of the loop; the hand is one more
STRETCH_S = 0.5  #: seconds of each
UNKNOWN = 4.0  #: sigma on either side, the range of a latent whose corpus is not known


def measured_latents(model: RAVE, z: Tensor | None = None) -> dict[str, list[float] | list[str]]:
    """Return the card's entries about ranges, home, effects and their words. [slow]

    z : (frames, latents) of the corpus; None: those of the model's loop, unless no corpus made it
    """
    entries: dict[str, list[float] | list[str]] = {}
    if z is None and model.card["corpus"]:
        z = model.gesture
    low, high = (torch.full((model.latents,), side * UNKNOWN) for side in (-1, 1))
    home = [0.0] * model.latents
    if z is not None:
        low, high = torch.quantile(z, 0.01, 0), torch.quantile(z, 0.99, 0)
        if model.card:  # the loop is a part of the corpus, and may leave out its rare ends
            low = torch.minimum(low, torch.tensor(model.card["latent_p05"]))
            high = torch.maximum(high, torch.tensor(model.card["latent_p95"]))
        home = home_latents(model)
        entries = {"latent_p01": _rounded(low, 4), "latent_p99": _rounded(high, 4), "latent_home": home}
    ends = low.clamp(-UNKNOWN, UNKNOWN), high.clamp(-UNKNOWN, UNKNOWN)
    moves = _moves(model, *ends, torch.tensor(home))
    return entries | {"latent_effect": _rounded(torch.tensor(moves.effects), 2), "latent_words": moves.words}


def latent_effects(model: RAVE, low: Tensor, high: Tensor, home: Tensor) -> Tensor:
    """Return how far each latent moves the sound between low and high (latents,) sigma: (latents,) dB.

    home : (latents,) of the hand
    """
    return torch.tensor(_moves(model, low, high, home).effects)


@torch.inference_mode()
def _moves(model: RAVE, low: Tensor, high: Tensor, home: Tensor) -> LatentMoves:
    base = _stretches(model, home)  # (B, frames, latents)
    batch, frames, _ = base.shape
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(batch, model.noise, frames, generator=generator)

    def decode(z: latent_moves.Latents) -> latent_moves.Latents:
        y, _ = model.decode(torch.from_numpy(z).transpose(1, 2), noise, model.decoder_state(batch))
        return np.asarray(y.mean(1).numpy())

    rate = model.config.sample_rate
    return latent_moves.measure(decode, base.numpy(), low.numpy(), high.numpy(), rate)


def _stretches(model: RAVE, home: Tensor) -> Tensor:
    """Stretches of the model's loop, and the hand: (STRETCHES + 1, frames, latents)."""
    rate, gesture = model.config.sample_rate, model.gesture
    frames = max(math.ceil(STRETCH_S * rate / model.ratio), math.ceil(2 * mel_spectrum.WINDOW / model.ratio))
    starts = torch.linspace(0, max(len(gesture) - frames, 0), STRETCHES).long()
    at = (starts[:, None] + torch.arange(frames)) % len(gesture)
    return torch.cat([gesture[at], home.expand(1, frames, -1)])


def _rounded(values: Tensor, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
