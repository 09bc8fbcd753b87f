"""The end of a training: choose a loop for the model, measure it, fill in its card, write the file."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perform.core.ebu_r128 import loudness_lufs
from perform.core.loudness import LOUDNESS_DB, loudness_db
from perform.rave import delay
from perform.rave.latent_effect import measured_latents
from perform.rave.model import RAVE
from perform.rave.model_files import save
from perform.train.corpus import Corpus
from perform.train.losses import audio_distance
from perform.train.voice_checks import held_out_checks

LOOP_S = 20.0
"""Length of the loop in the model file, seconds."""
SEARCHED_S = 120.0
"""Seconds of each held-out stretch in which a loop is searched."""
QUIET = -60.0
"""Level that counts as silence, dBFS."""
STRETCH, SETTLE = 384, 32
"""Frames of a stretch for measuring latents; the first SETTLE frames are left out."""


@dataclass(frozen=True)
class FinishedModel:
    """A trained model, and examples for its report."""

    model: RAVE
    examples: list[tuple[Tensor, Tensor]]
    """Input and output of some held-out stretches, aligned: (channels, n) each."""


@torch.no_grad()
def finish(
    model: RAVE, corpus: Corpus, output: Path, held_out: Tensor, details: Mapping[str, Any]
) -> FinishedModel:
    """Measure a trained model whose latents are fitted, complete its card, and write it to `output`.

    held_out : (B, channels, n), the sound for `distance_kept`, as for the distances in `details`
    details  : known entries of the card: name, description, licence, recipe, steps, distances ...
    """
    config = model.config
    gesture = choose_loop(model, corpus)
    y, _ = model.decode(gesture.T[None], fixed_noise(model, 1, len(gesture)), model.decoder_state(1))
    length = min(512 * model.ratio, -(-8 * config.sample_rate // model.ratio) * model.ratio)
    length = max(length, -(-2 * model.delay // model.ratio) * model.ratio)
    inputs, outputs = reconstruct(model, torch.from_numpy(corpus.spread(corpus.held_out, 16, length)))
    z = torch.cat(encoded(model, corpus))
    minutes, measured, level = corpus.seconds / 60, delay.measure(model), loudness_db(y.numpy())
    card = {
        **details,
        **model.shape,
        **({"labels": model.labels} if config.bottleneck == "pitched" else {}),
        "corpus": f"{corpus.name}, {minutes:.1f} minutes, a tenth held out",
        "latent_mean": _rounded(z.mean(0)),
        "latent_std": _rounded(z.std(0)),
        "latent_p05": _rounded(torch.quantile(z, 0.05, 0)),
        "latent_p95": _rounded(torch.quantile(z, 0.95, 0)),
        "loudness_db": LOUDNESS_DB if level is None else level,
        "loudness_known": level is not None,
        "loudness_lufs": loudness_lufs(y[0].numpy(), config.sample_rate),
        "delay_measured": measured,
        "distance_kept": round(distance(model, held_out), 3),
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    model.card, model.gesture = card, gesture
    card |= measured_latents(model, z)
    card["checks"] = [str(check) for check in held_out_checks(model, corpus, card)]
    save(output, model, card, gesture)
    return FinishedModel(model, list(zip(inputs[:4], outputs[:4], strict=True)))


@torch.no_grad()
def reconstruct(model: RAVE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return sound x (B, channels, n * ratio) and its reconstruction from the kept latents, aligned in time.

    The latents that are not kept are at their means. A noise synthesiser gets noise.
    """
    z, _ = model.encode(x, model.encoder_state(len(x)))
    noise = fixed_noise(model, len(x), z.shape[-1])
    noise[:, : model.missing] = 0
    y, _ = model.decode(z, noise, model.decoder_state(len(x)))
    whole = (x.shape[-1] - model.delay) // model.pqmf.block * model.pqmf.block
    return x[..., :whole], y[..., model.delay :][..., :whole]


@torch.no_grad()
def posterior_means(model: RAVE, corpus: Corpus) -> tuple[Tensor, Tensor]:
    """Return the latent means of 32 training stretches, (frames, full_latents), and levels, (frames,) dB."""
    means, levels = [], []
    for bands in _bands(model, corpus):
        mean, _, _ = model.posterior(bands, model.encoder.init_state(1))
        means.append(mean[0, :, SETTLE:].T)
        power = bands[0].square().mean(0).reshape(mean.shape[-1], -1).mean(1)
        levels.append(10 * torch.log10(power[SETTLE:] + 10 ** (QUIET / 10)))
    return torch.cat(means), torch.cat(levels)


def encoded(model: RAVE, corpus: Corpus) -> list[Tensor]:
    """Return the latents of 32 training stretches, each (frames, latents)."""
    return [
        model.embed(model.encoder(bands, model.encoder.init_state(1))[0])[0, :, SETTLE:].T
        for bands in _bands(model, corpus)
    ]


def _bands(model: RAVE, corpus: Corpus) -> list[Tensor]:
    """Return 32 training stretches as bands, each (1, channels x bands, n)."""
    crops = torch.from_numpy(corpus.spread(corpus.training, 32, STRETCH * model.ratio))
    return [model.analyse(crop[None], model.pqmf.analysis_state(len(crop)))[0] for crop in crops]


def choose_loop(model: RAVE, corpus: Corpus) -> Tensor:
    """Return the LOOP_S seconds of held-out sound whose latents move most, as latents (frames, latents).

    A loop that begins and ends quietly is preferred.
    """
    ratio, rate = model.ratio, corpus.sample_rate
    best, chosen = -math.inf, torch.zeros(1, model.latents)
    for start, end in corpus.held_out:
        count = min(end - start, round(SEARCHED_S * rate)) // ratio
        if not count:
            continue
        x = torch.from_numpy(corpus.read(start, count * ratio))
        power = x.reshape(len(x), count, ratio).square().mean((0, 2))
        level = (10 * torch.log10(power + 1e-12)).clamp(min=QUIET)
        z, _ = model.encode(x[None], model.encoder_state(1))
        moves = z[0].diff(dim=1, prepend=z[0, :, :1]).norm(dim=0)
        length = min(count, round(LOOP_S * rate / ratio))
        sums = torch.cat([moves.new_zeros(1), moves.cumsum(0)])
        lively = (sums[length:] - sums[:-length]) / length  # (count - length + 1,)
        seam = level[: count - length + 1] + level[length - 1 :] - 2 * QUIET
        score = lively - 0.001 * seam + 0.01 * length / LOOP_S * ratio / rate
        first = int(score.argmax())
        if float(score[first]) > best:
            best, chosen = float(score[first]), z[0, :, first : first + length].T
    return chosen.contiguous()


def fixed_noise(model: RAVE, batch: int, frames: int) -> Tensor:
    """Return noise for the decoder, the same at each call: (batch, noise, frames), standard normal."""
    noise = torch.randn(batch, model.noise, frames, generator=torch.Generator().manual_seed(0))
    return noise.to(model.pqmf.turn.device)


def distance(model: RAVE, x: Tensor) -> float:
    """Return the spectral distance between sounds (B, channels, n * ratio) and their reconstructions."""
    return float(audio_distance(*reconstruct(model, x), model.pqmf))


def _rounded(values: Tensor) -> list[float]:
    """Round numbers for a card, which may hold no NaN: the deviation of a single frame is one."""
    return [round(value, 4) if math.isfinite(value) else 0.0 for value in values.tolist()]
