"""Fixtures: bursts of noise, a prepared corpus of them, and a tiny config."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small import one_thread_and_one_seed, tiny

from perform.train.corpus import Corpus, quantise, write

__all__ = ["one_thread_and_one_seed", "tiny"]


def bursts(seconds: float, channels: int = 1, rate: int = 16000) -> np.ndarray:
    """Decaying noise bursts over a hum, (channels, n)."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(1).standard_normal((channels, len(time)))
    return 0.1 * noise * np.exp(-8 * (time % 0.5)) + 0.1 * np.sin(2760 * time)


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared corpus of eight seconds of bursts."""
    folder = tmp_path_factory.mktemp("prepared")
    write(folder, "bursts", 16000, 1, [("a", "1", quantise(bursts(8)), {})])
    return folder


@pytest.fixture
def corpus(corpus_folder: Path) -> Corpus:
    return Corpus.load(corpus_folder)
