"""The end of a training: order the latents by how far they move the sound, and drop those that do not.

Variance alone is no measure of a knob: a latent may vary a lot and not be heard. So each latent is held at
both ends of its range in the corpus, and the sounds are compared (`perform.rave.latent_effect`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from perform.rave.config import MEASURED
from perform.rave.latent_effect import UNKNOWN, latent_effects
from perform.rave.latent_home import home_latents
from perform.rave.model import RAVE
from perform.rave.stream import Conv1d
from perform.train.corpus import Corpus
from perform.train.finishing import choose_loop, encoded

KEPT_DB = {"variational": 0.5, "pitched": 2.0}
"""A latent with a smaller effect is dropped, by the bottleneck; at least one is kept."""


@torch.no_grad()
def choose_latents(model: RAVE, corpus: Corpus, count: int | None) -> RAVE:
    """Return the model with its latents ordered by effect, the largest first. [slow]

    model : variational, with fitted latents, or pitched: of that the timbre is ordered
    count : latents to keep; None: those with an effect of KEPT_DB
    """
    pitched = model.config.bottleneck == "pitched"
    if pitched:
        model = _turned(model, torch.cat(encoded(model, corpus)))
    first = len(MEASURED) if pitched else 0
    effects = _effects(model, corpus)[first:]
    order = effects.argsort(descending=True)
    least = KEPT_DB[model.config.bottleneck]
    kept = int((effects >= least).sum()) if count is None else count - first
    order = order[: max(1, kept)]
    if pitched:
        return _with_timbre(model, order)
    model.latent_pca[: len(effects)] = model.latent_pca[torch.cat([order, _rest(order, len(effects))])]
    model.latents = len(order)
    return model


def _rest(order: Tensor, count: int) -> Tensor:
    """The numbers below count that are not in `order`."""
    left_out = torch.ones(count, dtype=torch.bool)
    left_out[order] = False
    return left_out.nonzero()[:, 0]


def _effects(model: RAVE, corpus: Corpus) -> Tensor:
    """Effect of each latent over its range in the corpus, dB."""
    model.gesture = choose_loop(model, corpus)
    z = torch.cat(encoded(model, corpus))
    low, high = (torch.quantile(z, share, 0).clamp(-UNKNOWN, UNKNOWN) for share in (0.01, 0.99))
    return latent_effects(model, low, high, torch.tensor(home_latents(model)))


def _turned(model: RAVE, z: Tensor) -> RAVE:
    """The same pitched model, whose timbre is centred, uncorrelated and of deviation 1 over z (frames, n).

    The last layer of the encoder and the first one of the decoder are linear, so they take the turn.
    """
    first = len(MEASURED)
    timbre = z[:, first:].double()
    mean = timbre.mean(0)
    variance, vectors = torch.linalg.eigh(torch.cov(timbre.T).reshape(len(mean), len(mean)))
    spread = variance.clamp(min=1e-12).sqrt()
    into, back = (vectors / spread).T, vectors * spread  # (latents, latents) both
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weight, bias, entry, offset = (tensors[name] for name in _layers(model))
    count = len(mean)
    bias[:count] = (into @ (bias[:count].double() - mean)).float()
    weight[:count] = torch.einsum("ij,jck->ick", into, weight[:count].double()).float()
    offset += torch.einsum("cjk,j->c", entry[:, first:].double(), mean).float()
    entry[:, first:] = torch.einsum("cjk,ji->cik", entry[:, first:].double(), back).float()
    turned = RAVE(model.config)
    turned.load_state_dict(tensors)
    return turned.requires_grad_(False).eval()


def _with_timbre(model: RAVE, order: Tensor) -> RAVE:
    """A pitched model with these of its timbre latents, in this order; the others stay at 0."""
    first, count = len(MEASURED), model.config.full_latents - len(MEASURED)
    tensors = dict(model.state_dict())
    head, bias, entry, _ = _layers(model)
    rows = torch.cat([order, count + order])  # mean, then scale
    columns = torch.cat([torch.arange(first), first + order])
    tensors |= {head: tensors[head][rows], bias: tensors[bias][rows], entry: tensors[entry][:, columns]}
    chosen = RAVE(replace(model.config, full_latents=first + len(order)))
    chosen.load_state_dict(tensors)
    return chosen.requires_grad_(False).eval()


def _layers(model: RAVE) -> tuple[str, str, str, str]:
    """Names of weight and bias of the layer that gives the timbre, and of the one that takes the latents."""
    convolutions = [name for name, layer in model.named_modules() if isinstance(layer, Conv1d)]
    last = [name for name in convolutions if name.startswith("encoder.")][-1]
    entry = next(name for name in convolutions if name.startswith("decoder."))
    return f"{last}.weight", f"{last}.bias", f"{entry}.weight", f"{entry}.bias"
