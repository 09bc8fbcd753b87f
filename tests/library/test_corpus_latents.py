"""A corpus is read where a file holds one, and nothing is made up where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from tiny import tiny_model

from perform.library.corpus_latents import read_corpus

BELLS = Path(__file__).parents[2] / "models" / "bells.safetensors"


def test_a_trained_model_holds_its_corpus() -> None:
    with safe_open(BELLS, framework="numpy") as file:
        assert np.array_equal(read_corpus(BELLS), file.get_tensor("gesture"))


def test_there_is_none_where_none_is_known(tmp_path: Path) -> None:
    """The gesture of an import is made up; others have none, or cannot be read."""
    imported = tiny_model(tmp_path / "imported.safetensors")  # its card names no corpus
    (tmp_path / "export.ts").write_bytes(b"PK\x03\x04")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(BELLS.read_bytes()[:5000])
    for path in (imported, tmp_path / "export.ts", broken, tmp_path / "gone.safetensors"):
        assert read_corpus(path).shape == (0, 0)
