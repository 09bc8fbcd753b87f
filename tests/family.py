"""The whole family, small: every configuration that a graph or an export has to know."""

from __future__ import annotations

from dataclasses import replace

import torch

from perform.rave.blocks import AdaIN, Snake
from perform.rave.config import PRESETS, Config, PriorConfig
from perform.rave.model import RAVE

SMALL = {"capacity": 4, "full_latents": 8}
CONFIGS = {name: replace(config, **SMALL) for name, config in PRESETS.items()} | {
    "discrete": replace(PRESETS["discrete"], **SMALL, noise_latents=4, quantizers=3, codebook=20),
    "wasserstein": replace(PRESETS["wasserstein"], **SMALL, noise_latents=4),
    "noise": replace(PRESETS["noise"], **SMALL, noise_hidden=6),
    "few bands": Config(bands=2, capacity=4, ratios=(3, 2), dilations=((1,), (5,)), full_latents=8),
    "v2, newest": replace(PRESETS["v2"], **SMALL, padding="newest"),
    "v1, causal": replace(PRESETS["v1"], **SMALL, padding="causal"),
    "v1, newest": replace(PRESETS["v1"], **SMALL, padding="newest"),
    "latents that are always noise": replace(PRESETS["v2"], **SMALL, noise_latents=3),
    "stereo": replace(PRESETS["v2_small"], **SMALL, channels=2),
    "stereo without bank": replace(PRESETS["v2_nopqmf"], **SMALL, channels=2, resampling=2),
    "stereo v1": replace(PRESETS["v1"], **SMALL, channels=2),
    "upstream's filter bank": replace(PRESETS["v2"], **SMALL, bank_taps=513),
    "resampled": replace(PRESETS["v2_small"], **SMALL, resampling=2),
    "resampled stereo, causal": replace(
        PRESETS["causal"], **SMALL, resampling=2, channels=2, padding="causal", bank_taps=513
    ),
}


def built(name: str) -> RAVE:
    """With weights that leave no layer idle, and most latents projected away."""
    torch.manual_seed(1)
    model = RAVE(CONFIGS[name]).eval().requires_grad_(False)
    for layer in model.modules():
        if isinstance(layer, Snake):
            layer.alpha.uniform_(0.5, 2)
        if isinstance(layer, AdaIN):
            channels = layer.known.shape[2]
            target = 0.1 * torch.randn(channels, 1), torch.empty(channels, 1).uniform_(0.8, 1.2)
            layer.adopt((torch.zeros(channels, 1), torch.ones(channels, 1)), target)
    if model.config.bank_taps:
        for kernel in (model.pqmf.analysis_kernel, model.pqmf.synthesis_kernel):
            kernel.normal_(0, 0.05)
    if model.config.bottleneck == "variational":
        model.fit_latents(torch.randn(100, 8) @ torch.randn(8, 8), latents=3)
    return model


def with_prior(pairs: bool = False) -> RAVE:
    """A live model of 4 latents and a frame of 128 samples, and a prior that was told nothing."""
    torch.manual_seed(3)
    prior = PriorConfig(latents=4, resolution=8, width=16, skip=16, kernel=3, layers=3, cycle=2, pairs=pairs)
    model = RAVE(Config(capacity=4, ratios=(4, 2), dilations=((1,), (1,)), full_latents=8, prior=prior))
    model.fit_latents(torch.randn(400, 8), latents=4)
    assert model.prior
    with torch.no_grad():
        model.prior.edges.copy_(torch.randn(4, 9).sort(1)[0])
        if model.prior.pairs is not None:
            model.prior.pairs.normal_()
    return model.eval().requires_grad_(False)
