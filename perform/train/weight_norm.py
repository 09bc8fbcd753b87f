"""Weight normalisation, which all convolutions of a model have while it is trained."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.utils.parametrizations import weight_norm

from perform.rave.model import RAVE
from perform.rave.stream import Conv1d, ConvTranspose1d


def convolutions(model: RAVE) -> Iterator[Conv1d | ConvTranspose1d]:
    """Return the layers that have weight normalisation in training."""
    return (layer for layer in model.modules() if isinstance(layer, (Conv1d, ConvTranspose1d)))


def add_weight_norm(model: RAVE) -> None:
    """Add weight normalisation to all convolutions; their weights stay equal."""
    for layer in convolutions(model):
        weight_norm(layer)


@torch.no_grad()
def without_weight_norm(model: RAVE) -> RAVE:
    """Return a copy of a model with plain weights, on the CPU, for use and not for training."""
    plain = RAVE(model.config)
    for layer, normed in zip(convolutions(plain), convolutions(model), strict=True):
        layer.weight.copy_(normed.weight)
        layer.bias.copy_(normed.bias)
    others = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, tensor in plain.state_dict().items():
        if name in others:  # tensors without weight normalisation
            tensor.copy_(others[name])
    return plain.requires_grad_(False).eval()
