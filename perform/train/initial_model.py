"""The model that a training starts from."""

from __future__ import annotations

from dataclasses import replace

import torch

from perform.rave.model import RAVE
from perform.rave.model_files import load as load_model
from perform.train.plan import TrainingPlan


def initial_model(plan: TrainingPlan) -> RAVE:
    """A new model with random weights, or the one that `plan.start` names, without its prior."""
    if plan.start:
        model = load_model(plan.start)
        if model.prior:
            weights = {name: t for name, t in model.state_dict().items() if not name.startswith("prior.")}
            model = RAVE(replace(model.config, prior=None))
            model.load_state_dict(weights)
        return neutral(model).requires_grad_(True).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return RAVE(plan.config)


def neutral(model: RAVE) -> RAVE:
    """The model with all its latents and without a projection (PCA)."""
    model.latents = model.config.most_latents
    if model.config.bottleneck == "variational":
        model.latent_mean.zero_()
        model.latent_pca.copy_(torch.eye(model.config.full_latents))
    return model
