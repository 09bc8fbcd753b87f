"""Reading the corpus latents of a model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from tiny import tiny_model

from perform.library.cards import change_card
from perform.library.corpus_latents import read_corpus

BELLS = Path(__file__).parents[2] / "models" / "bells.safetensors"


def test_a_trained_model_has_corpus_latents() -> None:
    with safe_open(BELLS, framework="numpy") as file:
        assert np.array_equal(read_corpus(BELLS), file.get_tensor("gesture"))


def test_other_files_have_no_corpus_latents(tmp_path: Path) -> None:
    """The gesture of an import is synthetic; other files have none, or cannot be read."""
    imported = tiny_model(tmp_path / "imported.safetensors")  # its card names no corpus
    (tmp_path / "export.ts").write_bytes(b"PK\x03\x04")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(BELLS.read_bytes()[:5000])
    for path in (imported, tmp_path / "export.ts", broken, tmp_path / "gone.safetensors"):
        assert read_corpus(path).shape == (0, 0)


def test_latents_that_are_not_finite_are_none(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    with safe_open(BELLS, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors["gesture"][3, 1] = np.nan
    save_file(tensors, damaged, metadata)
    assert read_corpus(damaged).shape == (0, 0)
    cloud = [[1e300] * tensors["gesture"].shape[1]]
    imported = tiny_model(tmp_path / "imported.safetensors", latents=len(cloud[0]))
    change_card(imported, {"cloud": cloud})
    assert read_corpus(imported).shape == (0, 0), "beyond what a float32 holds"
