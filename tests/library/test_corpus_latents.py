"""Reading the corpus latents of a model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from tiny import tiny_model

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
