"""Torch models from and to files: safetensors with config and card in the header; they hold no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save as serialise
from torch import Tensor

from perform.core.files import write_atomically
from perform.rave.model import RAVE
from perform.rave.stored_model import (
    CARD,
    FORMAT,
    MORE,
    StoredModel,
    check_card,
    check_finite,
    read_model,
)

__all__ = ["CARD", "FORMAT", "MORE", "load", "made", "save", "stored"]


def save(path: Path, model: RAVE, card: Mapping[str, Any], gesture: Tensor) -> None:
    """Write a model to `path`, completely or not at all. [disk]

    card : the keys of CARD, JSON values; `sample_rate`, `ratio`, `latents` and so on as the model has them
    gesture : (frames, latents), a stretch of the corpus as latents
    """
    check_card(card, model.config, tuple(gesture.shape), str(path))
    arrays = stored(model).arrays | {"gesture": gesture.detach().contiguous().cpu().numpy()}
    check_finite(arrays, str(path))
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict()),
        "card": json.dumps(dict(card), ensure_ascii=False),
    }
    write_atomically(path, serialise(arrays, metadata))


def load(path: Path) -> RAVE:
    """Read a model, ready to play: no gradients, `card` and `gesture` filled in. [disk]

    WrongUse: the file is damaged, or not a model.
    """
    return made(read_model(path))


def made(model: StoredModel) -> RAVE:
    """The torch model, ready to play."""
    rave = RAVE(model.config)
    rave.load_state_dict({name: torch.from_numpy(array) for name, array in model.arrays.items()})
    rave.gesture, rave.latents, rave.card = torch.from_numpy(model.gesture), model.latents, model.card
    return rave.requires_grad_(False).eval()


def stored(model: RAVE) -> StoredModel:
    """A torch model as arrays, which share its memory where they can."""
    arrays = {name: it.detach().contiguous().cpu().numpy() for name, it in model.state_dict().items()}
    return StoredModel(model.config, model.card, arrays, model.gesture.cpu().numpy(), model.latents)
