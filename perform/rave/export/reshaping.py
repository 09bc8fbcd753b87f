"""Changes to a model before its export: the number of its latents, and its sample rate."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from perform.core.errors import WrongUse
from perform.rave.config import RESAMPLING
from perform.rave.model import RAVE

#: a latent that the model's PCA left out: noise of deviation 1 takes its place otherwise
_LEFT_OUT = {"latent_mean": 0.0, "latent_std": 1.0, "latent_p05": -1.645, "latent_p95": 1.645}
_MEASURED = ("latent_p01", "latent_p99", "latent_effect", "latent_words", "latent_home", "labels")


def with_latents(model: RAVE, latents: int) -> RAVE:
    """Return a copy that keeps the first `latents` of its PCA. WrongUse: it cannot, or has a prior."""
    _check_order(model, "--latents")
    full = model.config.full_latents
    if not 1 <= latents <= full:
        raise WrongUse(f"it has 1 to {full} latents, not {latents}", where="--latents")
    changed = _copy(model)
    changed.latents = latents
    kept = min(latents, model.latents)
    gesture = torch.zeros(len(model.gesture), latents)
    gesture[:, :kept] = model.gesture[:, :kept]
    changed.gesture = gesture
    return _with_card(changed, {name: _resized(name, model, latents) for name in (*_LEFT_OUT, *_MEASURED)})


def latents_for(model: RAVE, fidelity: float) -> int:
    """Return how many of a model's latents hold a share of the variance, 0..1, of all that it keeps."""
    _check_order(model, "--fidelity")
    deviations = np.array(model.card.get("latent_std", ()), np.float64)
    if len(deviations) != model.latents:
        raise WrongUse("its card does not know the variance of its latents", where="--fidelity")
    share = np.cumsum(deviations**2) / max(float((deviations**2).sum()), 1e-30)
    return min(int((share < fidelity - 1e-12).sum()) + 1, model.latents)


def at_rate(model: RAVE, rate: int) -> RAVE:
    """Return a copy that resamples from and to 2, 4, 8 or 16 times its sample rate, in Hz.

    WrongUse: it is another rate, or the model is pitched.
    """
    now, resampling = model.config.sample_rate, model.config.resampling
    if rate == now:
        return model
    if model.config.bottleneck == "pitched":
        raise WrongUse("a pitched model has no resampler", where="--rate", hint="leave --rate out")
    rates = [now * times for times in RESAMPLING if times * resampling in RESAMPLING]
    if rate not in rates:
        what = f"{rate} Hz is no multiple of its rate by 2, 4, 8 or 16"
        raise WrongUse(what, where="--rate", hint=f"choose one of {', '.join(map(str, rates))}")
    times = rate // now
    config = replace(model.config, sample_rate=rate, resampling=resampling * times)
    changed = RAVE(config)
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith("resampler.")}
    own = {name: value for name, value in changed.state_dict().items() if name.startswith("resampler.")}
    changed.load_state_dict(weights | own)
    changed.latents, changed.gesture, changed.card = model.latents, model.gesture, dict(model.card)
    return _with_card(changed.requires_grad_(False).eval(), {"delay_measured": None})


def _check_order(model: RAVE, option: str) -> None:
    if model.config.bottleneck != "variational":
        raise WrongUse(f"the latents of a {model.config.bottleneck} model have no order", where=option)
    if model.prior:
        hint = "export it with all its latents, or a copy without the prior"
        raise WrongUse("its prior knows the latents that it has now", where=option, hint=hint)


def _copy(model: RAVE) -> RAVE:
    changed = copy.deepcopy(model)
    changed.card = dict(model.card)
    return changed


def _resized(name: str, model: RAVE, latents: int) -> list[Any] | None:
    """A value of the card for each latent; None where more latents have none."""
    values = list(model.card.get(name, ()))
    if len(values) >= latents:
        return values[:latents]
    return values + [_LEFT_OUT[name]] * (latents - len(values)) if name in _LEFT_OUT else None


def _with_card(model: RAVE, values: dict[str, Any]) -> RAVE:
    """Bring the card of a changed model up to date; a value of None removes its key."""
    values = {**model.shape, "checks": None, **values}
    known = {name: values.get(name, value) for name, value in model.card.items()}
    model.card = {name: value for name, value in known.items() if value is not None}
    return model
