"""Model files of third-party modules, made for tests."""

from __future__ import annotations

from pathlib import Path

from modules import export
from torch import nn

from perform.core.files import write_atomically
from perform.foreign import consent, nn_contract
from perform.foreign.loaded_module import LoadedModule
from perform.foreign.module_file import wrap
from perform.foreign.scan.archive_scan import repack
from perform.library.cards import Card
from perform.rave.archive import Archive, read


def no_sandbox() -> None:
    """Enter no sandbox: these modules are ours, and pytest needs its files."""


def wrapped(archive: Archive, out: Path, method: str | None = None, delay: int = 0) -> Path:
    """A model file of a module, its card made from what it says."""
    original = LoadedModule(archive, no_sandbox)
    chosen = original.choose(method)
    count = len(chosen.inputs)
    card = Card(
        name=archive.path.stem,
        sample_rate=nn_contract.sample_rate(archive),
        ratio=original.frame,
        latents=count,
        full_latents=count,
        delay=delay,
        latent_mean=[0.0] * count,
        latent_std=[1.0] * count,
        latent_p05=[-1.6] * count,
        latent_p95=[1.6] * count,
        parameters=sum(int(tensor.size) for tensor in archive.tensors.values()),
        loudness_db=-20.0,
        loudness_known=not original.takes_sound(chosen),
        channels=min(len(chosen.outputs), 2),
    )
    write_atomically(
        out, wrap(repack(archive), card, {"method": chosen.name, "methods": list(original.methods)})
    )
    return out


def add_to_library(models: Path, name: str, module: nn.Module, delay: int = 0) -> None:
    """Make a module a model of this folder, with the player's consent."""
    archive = read(export(module, models / f"{name}.ts"))
    wrapped(archive, models / f"{name}.safetensors", delay=delay)
    consent.give(repack(archive), name)
