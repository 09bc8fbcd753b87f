"""The model that a training starts from."""

from __future__ import annotations

from dataclasses import replace

import torch

from perform.rave.decoder import Decoder, V1Decoder
from perform.rave.model import RAVE
from perform.rave.model_files import load as load_model
from perform.rave.stream import Conv1d
from perform.train.plan import TrainingPlan

NOISE_AT_FIRST = 3.0
"""Added to the bias of an untrained noise synthesiser for the energy distance: -94 dB would learn nothing."""
WAVE_AT_FIRST = 1e-4
"""Factor of an untrained decoder's waves for the energy distance. At their usual -15 dBFS they buzz:
features that the noise synthesiser needs too would be silenced first."""


def initial_model(plan: TrainingPlan) -> RAVE:
    """Return a model with random weights, or the model in `plan.start` without its prior."""
    if plan.start:
        model = load_model(plan.start)
        if model.prior:
            weights = {name: t for name, t in model.state_dict().items() if not name.startswith("prior.")}
            model = RAVE(replace(model.config, prior=None))
            model.load_state_dict(weights)
        return without_projection(model).requires_grad_(True).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        model = RAVE(plan.config)
    if plan.loss == "energy":
        begin_with_noise(model)
    return model


def begin_with_noise(model: RAVE) -> None:
    """Wake the untrained noise synthesiser of a model, if it has one, and soften its other output."""
    decoder = model.decoder
    if not isinstance(decoder, Decoder | V1Decoder) or not decoder.noise or not decoder.wave:
        return
    noise, wave = (
        [layer for layer in part.modules() if isinstance(layer, Conv1d)][-1]
        for part in (decoder.noise, decoder.wave)
    )
    with torch.no_grad():
        noise.bias.add_(NOISE_AT_FIRST)
        wave.weight.mul_(WAVE_AT_FIRST)
        wave.bias.mul_(WAVE_AT_FIRST)


def without_projection(model: RAVE) -> RAVE:
    """Remove the projection (PCA) of a model, so that it has all its latents; return the model."""
    model.latents = model.config.most_latents
    if model.config.bottleneck == "variational":
        model.latent_mean.zero_()
        model.latent_pca.copy_(torch.eye(model.config.full_latents))
    return model
