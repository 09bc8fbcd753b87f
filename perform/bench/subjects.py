"""What is measured: model files, and architectures by name with random weights where there is no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from perform.errors import WrongUse
from perform.library import places
from perform.library.cards import find_model, models
from perform.rave.config import PRESETS
from perform.rave.files import save
from perform.rave.model import RAVE

LATENTS = 16  #: latents a preset's random projection keeps, as exports do


@dataclass(frozen=True)
class Subject:
    """A model to be measured.

    path   : our file of it
    export : the TorchScript it was imported from, if it was
    """

    name: str
    path: Path
    export: Path | None = None


def subject(name: str, folder: Path) -> Subject:
    """[disk] A model by path, library name or architecture; WrongUse where it is none.

    folder : where files are made that are not there yet
    """
    if places.is_path(name) or name in models():
        path = find_model(name)
        return Subject(path.stem, path)
    if name in PRESETS:
        return Subject(name, random_model(name, folder / f"{name}.safetensors"))
    known = ", ".join([*models(), *PRESETS])
    raise WrongUse(f"no model or architecture is called {name[:80]!r}", hint=f"there are: {known}")


def random_model(name: str, path: Path) -> Path:
    """[disk] An architecture with random weights, always the same: for what it costs, not for its sound."""
    torch.manual_seed(0)
    model = RAVE(PRESETS[name])
    if model.config.bottleneck == "variational":
        full = model.config.full_latents
        model.fit_latents(torch.randn(2 * full, full), min(LATENTS, full))
    zeros = [0.0] * model.latents
    card = {
        "name": name,
        "description": "random weights",
        "licence": "",
        "sample_rate": model.config.sample_rate,
        "ratio": model.ratio,
        "latents": model.latents,
        "full_latents": model.config.full_latents,
        "channels": model.config.channels,
        "delay": model.delay,
        "corpus": "",
        "recipe": "",
        "steps": 0,
        "latent_mean": zeros,
        "latent_std": zeros,
        "latent_p05": zeros,
        "latent_p95": zeros,
        "loudness_db": 0.0,
        "distance": 0.0,
        "distance_untrained": 0.0,
        "created": "",
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }
    save(path, model, card, torch.zeros(1, model.latents))
    return path
