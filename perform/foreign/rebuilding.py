"""Writes the model file of a rebuilt RAVE: makes a loop for it and measures the values on its card."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perform.core.ebu_r128 import loudness_lufs
from perform.core.loudness import LOUDNESS_DB, chirping_frames, loudness_db
from perform.core.paths import to_text
from perform.library.cards import MOST_WARM_UP, Card
from perform.rave import delay
from perform.rave.archive import Archive
from perform.rave.model import RAVE
from perform.rave.model_files import save

GESTURE_S = 20.0  #: length of the gesture
_SEED = 1


def write(model: RAVE, facts: dict[str, Any], archive: Archive, out: Path, texts: dict[str, str]) -> Card:
    """Write a rebuilt model to `out`, and return its card. [disk, slow]

    facts : from `upstream.convert`
    texts : the card's name, description and licence
    """
    z = gesture(model)
    fields = _measured(model, facts, z) | import_texts(texts, archive)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(out, model, fields, z)
    return Card(**{key: value for key, value in fields.items() if key in Card.__struct_fields__})


def gesture(model: RAVE) -> Tensor:
    """Return a loop of slow waves, (frames, latents), for a model that has no gesture.

    Each latent is a sum of four sines of whole periods, so the loop has no seam.
    """
    generator = torch.Generator().manual_seed(_SEED)
    frames = max(round(GESTURE_S * model.config.sample_rate / model.ratio), 1)
    turns = torch.randint(1, 12, (4, model.latents), generator=generator)
    starts = torch.rand(4, model.latents, generator=generator)
    time = torch.arange(frames)[:, None, None] / frames
    unit = torch.sin(2 * math.pi * (turns * time + starts)).sum(1) / 2**0.5  # standard deviation 1
    mean, deviation = _distribution(model)
    return mean + deviation * unit


def import_texts(texts: dict[str, str], archive: Archive) -> dict[str, Any]:
    """Return the card's fields that are not measured; an import leaves some empty."""
    return {
        **texts,
        "corpus": "",
        "recipe": f"imported from {to_text(archive.path.name)}, SHA-256 {archive.sha256}",
        "steps": 0,
        "distance": 0.0,
        "distance_untrained": 0.0,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _distribution(model: RAVE) -> tuple[float, float]:
    """Return mean and standard deviation of a latent, by the model's bottleneck."""
    match model.config.bottleneck:
        case "discrete":
            return (model.config.codebook - 1) / 2, model.config.codebook / 4
        case "spherical":
            return 0.0, 0.5
    return 0.0, 1.0


@torch.inference_mode()
def _measured(model: RAVE, facts: dict[str, Any], z: Tensor) -> dict[str, Any]:
    mean, deviation = _distribution(model)
    generator = torch.Generator().manual_seed(_SEED)
    noise = torch.randn(1, model.noise, len(z), generator=generator)
    y, _ = model.decode(z.T[None], noise, model.decoder_state(1))
    level, late, encoder = loudness_db(y.numpy()), delay.measure(model), delay.measure_encoder(model)
    keys = ("sample_rate", "ratio", "latents", "full_latents", "channels", "parameters")
    return {
        **{key: facts[key] for key in keys},
        "delay": late or 0,
        "delay_known": late is not None,
        "delay_encode": encoder if late is not None else None,
        "latent_mean": [mean] * model.latents,
        "latent_std": [deviation] * model.latents,
        "latent_p05": [round(mean - 1.645 * deviation, 4)] * model.latents,
        "latent_p95": [round(mean + 1.645 * deviation, 4)] * model.latents,
        "loudness_db": LOUDNESS_DB if level is None else level,
        "loudness_known": level is not None,
        "loudness_lufs": loudness_lufs(y[0].numpy(), facts["sample_rate"]),
        "warm_up": chirping_frames(y[0].numpy(), model.ratio, MOST_WARM_UP),
    }
