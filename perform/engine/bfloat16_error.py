"""Measures how exactly another engine plays a model."""

from __future__ import annotations

import numpy as np

from perform.engine.compiled_model import CompiledModel

FRAMES = 24  #: enough that the state of all layers counts


def error_db(model: CompiledModel, exact: CompiledModel) -> float:
    """Return the level of what `model` plays wrong, below the sound, in dB: -48 is far below it.

    Both play the same random latents.
    model, exact : the same model on two engines
    """
    one, other, powers = model.stream(), exact.stream(), np.zeros(2)
    random = np.random.default_rng(0)
    for _ in range(FRAMES):
        z = random.standard_normal((1, model.card.latents), np.float32)
        noise = random.standard_normal((1, model.noise), np.float32)
        y = exact.render([other], z, noise)
        powers += np.square(model.render([one], z, noise) - y).sum(), np.square(y).sum()
    difference, sound = np.maximum(powers, 1e-20)
    return float(10.0 * np.log10(difference / sound))
