"""What is measured: model files, and architectures by name with random weights where there is no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from perform.core.errors import WrongUse
from perform.library import places
from perform.library.cards import find_model, models
from perform.rave import upstream
from perform.rave.config import PRESETS
from perform.rave.model import RAVE
from perform.rave.model_files import save

LATENTS = 16  #: latents a preset's random projection keeps, as exports do


@dataclass(frozen=True)
class BenchSubject:
    """A model to be measured.

    path   : our file of it
    export : the TorchScript it was imported from, if it was
    """

    name: str
    path: Path
    export: Path | None = None


def subject(name: str, folder: Path) -> BenchSubject:
    """[disk] A model by path, library name or architecture; WrongUse where it is none.

    folder : where files are made that are not there yet
    """
    if Path(name).suffix == ".ts" and (export := places.existing(name)):
        model, _ = upstream.read(export)
        return BenchSubject(export.stem, _written(model, export.stem, folder), export)
    if places.is_path(name) or name in models():
        path = find_model(name)
        return BenchSubject(path.stem, path)
    if name in PRESETS:
        return BenchSubject(name, _written(random_model(name), name, folder))
    known = ", ".join([*models(), *PRESETS])
    raise WrongUse(f"no model or architecture is called {name[:80]!r}", hint=f"there are: {known}")


def random_model(name: str) -> RAVE:
    """An architecture with random weights, always the same: for what it costs, not for its sound."""
    torch.manual_seed(0)
    model = RAVE(PRESETS[name])
    if model.config.bottleneck == "variational":
        full = model.config.full_latents
        model.fit_latents(torch.randn(2 * full, full), min(LATENTS, full))
    return model


def _written(model: RAVE, name: str, folder: Path) -> Path:
    """A file of a model that has none, its card without what takes listening."""
    zeros = [0.0] * model.latents
    words = dict.fromkeys(("description", "licence", "corpus", "recipe", "created"), "")
    latents = dict.fromkeys(("latent_mean", "latent_std", "latent_p05", "latent_p95"), zeros)
    numbers = dict.fromkeys(("steps", "loudness_db", "distance", "distance_untrained"), 0)
    path = folder / f"{name}.safetensors"
    save(
        path,
        model,
        {"name": name, **words, **latents, **numbers, **model.shape},
        torch.zeros(1, model.latents),
    )
    return path
