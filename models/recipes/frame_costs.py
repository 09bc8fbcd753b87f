"""Measures what a frame of each model costs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perform.engine.compiled_model import CompiledModel

COST_ROUNDS, COST_FRAMES = 20, 30


def frame_costs(paths: Sequence[Path]) -> list[float]:
    """Milliseconds of one frame of each model's decoder; the models take turns, so they compare fairly."""
    models = [CompiledModel(path) for path in paths]
    streams = [[model.stream()] for model in models]
    least = [math.inf] * len(models)
    for _ in range(COST_ROUNDS):
        for i, model in enumerate(models):
            z, noise = np.zeros((1, model.card.latents), np.float32), np.zeros((1, model.noise), np.float32)
            started = time.perf_counter()
            for _ in range(COST_FRAMES):
                model.render(streams[i], z, noise)
            least[i] = min(least[i], (time.perf_counter() - started) / COST_FRAMES)
    return [1000 * seconds for seconds in least]
