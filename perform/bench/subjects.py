"""The models to measure: files, exports, and architectures with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.foreign.module_file import is_archive
from perform.library import places
from perform.library.model_library import find_model, models
from perform.rave import upstream
from perform.rave.archive import read
from perform.rave.config import PRESETS
from perform.rave.export import model_in_export
from perform.rave.model import RAVE
from perform.rave.model_files import save

LATENTS = 16  #: latents that an architecture with random weights keeps, as many as usual exports


@dataclass(frozen=True)
class BenchSubject:
    """A model to measure.

    path   : a perform model file
    export : the TorchScript file that it was made from, or None
    """

    name: str
    path: Path
    export: Path | None = None


def subject(name: str, folder: Path) -> BenchSubject:
    """[disk] Find a model by path, library name or architecture; WrongUse lists the names.

    folder : for the files of exports and architectures
    """
    if places.is_path(name) and (export := places.existing(name)) and is_archive(export):
        archive = read(export)
        model = model_in_export(archive) or upstream.convert(archive)[0]
        return BenchSubject(to_text(export.stem), _written(model, export.stem, folder), export)
    if places.is_path(name) or name in models():
        path = find_model(name)
        return BenchSubject(to_text(path.stem), path)
    if name in PRESETS:
        return BenchSubject(name, _written(random_model(name), name, folder))
    known = ", ".join([*models(), *PRESETS])
    raise WrongUse(f"no model or architecture is called {name[:80]!r}", hint=f"there are {known}")


def random_model(name: str) -> RAVE:
    """Return an architecture with random weights, always the same ones."""
    torch.manual_seed(0)
    model = RAVE(PRESETS[name])
    if model.config.bottleneck == "variational":
        full = model.config.full_latents
        model.fit_latents(torch.randn(2 * full, full), min(LATENTS, full))
    return model


def _written(model: RAVE, name: str, folder: Path) -> Path:
    """Write a model to a file with an empty card."""
    zeros = [0.0] * model.latents
    texts = dict.fromkeys(("description", "licence", "corpus", "recipe", "created"), "")
    latents = dict.fromkeys(("latent_mean", "latent_std", "latent_p05", "latent_p95"), zeros)
    numbers = dict.fromkeys(("steps", "loudness_db", "distance", "distance_untrained"), 0)
    path = folder / f"{name}.safetensors"
    save(
        path,
        model,
        {"name": name, **texts, **latents, **numbers, **model.shape},
        torch.zeros(1, model.latents),
    )
    return path
