"""The end of a training: a gesture is chosen, the model is measured, its card filled in, the file written."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perform.rave.data import Corpus
from perform.rave.files import save
from perform.rave.losses import audio_distance
from perform.rave.model import RAVE

GESTURE_SECONDS = 20.0
QUIET = -60.0
"""dBFS below which nothing counts as happening."""


@torch.no_grad()
def finish(model: RAVE, untrained: RAVE, corpus: Corpus, output: Path, words: Mapping[str, Any]) -> None:
    """Measure a trained `model` whose latents are fitted, write it to `output`, and give it its card.

    untrained : the model the training started from, for comparison
    words : the card's name, description, licence, recipe and steps
    """
    ratio = model.ratio
    gesture = choose_gesture(model, corpus)
    y, _ = model.decode(gesture.T[None], _no_noise(model, 1, len(gesture)), model.decoder_state(1))
    held_out = corpus.spread(corpus.held_out, 16, 128 * ratio)
    z = posterior_means(model, corpus) - model.latent_mean
    z = z @ model.latent_pca[: model.latents].T  # (frames, full) -> (frames, latents)
    minutes = len(corpus.signal) / corpus.sample_rate / 60
    card = {
        **words,
        **model.shape,
        "corpus": f"{corpus.name}, {minutes:.1f} minutes, a tenth held out",
        "latent_mean": _rounded(z.mean(0)),
        "latent_std": _rounded(z.std(0)),
        "latent_p05": _rounded(z.quantile(0.05, 0)),
        "latent_p95": _rounded(z.quantile(0.95, 0)),
        "loudness_db": round(20 * math.log10(max(float(y.square().mean().sqrt()), 1e-5)), 2),
        "distance": round(reconstruction_distance(model, held_out), 3),
        "distance_untrained": round(reconstruction_distance(untrained, held_out), 3),
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    save(output, model, card, gesture)
    model.card, model.gesture = card, gesture


@torch.no_grad()
def reconstruction_distance(model: RAVE, x: Tensor) -> float:
    """Distance between x (B, 1, n * ratio) and what `model` makes of it through its kept latents."""
    z, _ = model.encode(x, model.encoder_state(len(x)))
    y, _ = model.decode(z, _no_noise(model, len(x), z.shape[-1]), model.decoder_state(len(x)))
    whole = (x.shape[-1] - model.delay) // model.pqmf.block * model.pqmf.block
    return float(audio_distance(x[..., :whole], y[..., model.delay :][..., :whole], model.pqmf))


@torch.no_grad()
def posterior_means(model: RAVE, corpus: Corpus) -> Tensor:
    """Means of some two minutes of training audio, (frames, full_latents)."""
    settle, frames = 32, 384  # the first frames of a crop still hear the silence before it
    means = []
    for crop in corpus.spread(corpus.training, 32, frames * model.ratio):
        bands, _ = model.pqmf.analyse(crop[None], model.pqmf.analysis_state(1))
        mean, _, _ = model.posterior(bands, model.encoder.init_state(1))
        means.append(mean[0, :, settle:].T)
    return torch.cat(means)


def choose_gesture(model: RAVE, corpus: Corpus) -> Tensor:
    """The liveliest GESTURE_SECONDS of held-out audio, encoded: (frames, latents).

    Lively is where the latents move most; a loop whose seam is quiet is preferred.
    """
    ratio = model.ratio
    best, chosen = -math.inf, torch.zeros(0, model.latents)
    for start, end in corpus.held_out:
        count = (end - start) // ratio
        x = torch.from_numpy(corpus.signal[start : start + count * ratio].copy())
        level = (10 * torch.log10(x.reshape(count, ratio).square().mean(1) + 1e-12)).clamp(min=QUIET)
        z, _ = model.encode(x[None, None], model.encoder_state(1))
        moves = z[0].diff(dim=1, prepend=z[0, :, :1]).norm(dim=0)
        length = min(count, round(GESTURE_SECONDS * corpus.sample_rate / ratio))
        for first in range(count - length + 1):
            seam = level[first] + level[first + length - 1] - 2 * QUIET
            score = float(moves[first : first + length].mean() - 0.001 * seam)
            if score > best:
                best, chosen = score, z[0, :, first : first + length].T
    return chosen.contiguous()


def _no_noise(model: RAVE, batch: int, frames: int) -> Tensor:
    return torch.zeros(batch, model.noise, frames)


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]
