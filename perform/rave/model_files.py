"""Model files: safetensors with config and card in the header; they hold no code.

__metadata__  {"format": "perform-rave-1", "config": JSON, "card": JSON}
tensors       the model's state, and gesture (frames, latents); all float32
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from perform.core.errors import WrongUse
from perform.core.files import write_atomically
from perform.rave.blocks import AdaIN
from perform.rave.config import Config
from perform.rave.model import RAVE
from perform.rave.model_size import check_size

FORMAT = "perform-rave-1"
CARD = (
    "name",
    "description",
    "licence",
    "sample_rate",
    "ratio",
    "latents",
    "full_latents",
    "channels",
    "delay",
    "corpus",
    "recipe",
    "steps",
    "latent_mean",
    "latent_std",
    "latent_p05",
    "latent_p95",
    "loudness_db",
    "distance",
    "distance_untrained",
    "created",
    "parameters",
)
"""Keys of every card."""
MORE = (
    *("delay_encode", "delay_known", "loudness_known"),
    *("hours", "hardware", "distance_spectral", "distance_kept", "delay_measured", "prior"),
    *("latent_p01", "latent_p99", "latent_effect", "latent_home", "labels"),
)
"""Further keys a card may have: the encoder's part of the delay; whether delay and loudness are known; hours
and hardware of the training; the distance after phase 1, and at the end through the kept latents alone; the
delay measured with an impulse; a text about the prior; range and effect of each latent, see
`perform.rave.latent_effect`; a lively moment of the corpus, see `perform.rave.latent_home`; the names of the
latents."""


def save(path: Path, model: RAVE, card: Mapping[str, Any], gesture: Tensor) -> None:
    """Write a model to `path`, completely or not at all. [disk]

    card : the keys of CARD, JSON values; `sample_rate`, `ratio`, `latents` and so on as the model has them
    gesture : (frames, latents), a stretch of the corpus as latents
    """
    _check_card(card, model.config, gesture, str(path))
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    tensors["gesture"] = gesture.detach().contiguous()
    _check_finite(tensors, str(path))
    metadata = {
        "format": FORMAT,
        "config": json.dumps(model.config.to_dict()),
        "card": json.dumps(dict(card), ensure_ascii=False),
    }
    write_atomically(path, serialise(tensors, metadata))


def load(path: Path) -> RAVE:
    """Read a model, ready to play: no gradients, `card` and `gesture` filled in. [disk]

    WrongUse: the file is damaged, or not a model.
    """
    where = str(path)
    try:
        with safe_open(path, "numpy") as file:  # "pt" refuses a path that is not UTF-8
            config, card = _header(file.metadata() or {}, where)
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
            _check_size(config, sum(map(math.prod, shapes)), len(shapes), where)
            tensors = {name: _tensor(file, name, where) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise WrongUse("no such model file", where=where) from None
    except (SafetensorError, OSError) as error:
        hint = "a model file is made by `perform train` or `perform models import`"
        raise WrongUse(f"not a safetensors file, or cut short ({error})", where=where, hint=hint) from None
    model = RAVE(config)
    for name, layer in model.named_modules():
        if isinstance(layer, AdaIN):
            layer.renew(tensors, f"{name}.")
    gesture = _check_tensors(tensors, model, where)
    _check_card(card, config, gesture, where)
    model.load_state_dict(tensors)
    model.latents = gesture.shape[1]
    model.card, model.gesture = card, gesture
    return model.requires_grad_(False).eval()


def _check_size(config: Config, values: int, tensors: int, where: str) -> None:
    try:
        check_size(config, values, tensors)
    except WrongUse as error:
        raise WrongUse(f"bad config: {error.what}", where=where) from None


def _tensor(file: Any, name: str, where: str) -> Tensor:
    """Read a tensor; WrongUse unless it is float32."""
    if (kind := file.get_slice(name).get_dtype()) != "F32":
        raise WrongUse(f"tensor {name!r} is {kind}, not float32", where=where)
    return torch.from_numpy(file.get_tensor(name))


def _header(metadata: Mapping[str, str], where: str) -> tuple[Config, dict[str, Any]]:
    """The config and the card in a file's metadata."""
    found = metadata.get("format")
    if found is None:
        raise WrongUse("a safetensors file, but not a perform model", where=where)
    if found != FORMAT:
        hint = "a newer version may read it"
        raise WrongUse(
            f"its format is {found!r}; this version of perform reads {FORMAT!r}", where=where, hint=hint
        )
    try:
        config, card = json.loads(metadata["config"]), json.loads(metadata["card"])
        json.dumps(card, ensure_ascii=False).encode()  # half a character in it is an error
    except (KeyError, ValueError, RecursionError) as error:
        raise WrongUse(f"no readable config and card in the header ({error})", where=where) from None
    if not isinstance(config, dict) or not isinstance(card, dict):
        raise WrongUse("no readable config and card in the header", where=where)
    try:
        return Config.from_dict(config), card
    except WrongUse as error:
        raise WrongUse(f"bad config: {error.what}", where=where, hint=error.hint) from None


def _check_tensors(tensors: dict[str, Tensor], model: RAVE, where: str) -> Tensor:
    """Take the gesture out of `tensors` and check the other tensors against `model`."""
    gesture = tensors.pop("gesture", None)
    if gesture is None:
        raise WrongUse("no tensor 'gesture'", where=where)
    wanted = model.state_dict()
    hint = "the file does not fit its own config"
    if missing := wanted.keys() - tensors:
        raise WrongUse(f"no tensor {min(missing)!r}", where=where, hint=hint)
    if extra := tensors.keys() - wanted:
        raise WrongUse(f"an unknown tensor {min(extra)!r}", where=where, hint=hint)
    for name, tensor in wanted.items():
        if tensors[name].shape != tensor.shape:
            shapes = f"{tuple(tensors[name].shape)}, not {tuple(tensor.shape)}"
            raise WrongUse(f"tensor {name!r} has shape {shapes}", where=where)
    most = model.config.most_latents
    least = 1 if model.config.bottleneck == "variational" else most  # only a posterior is projected
    if model.prior and gesture.shape[-1] != model.prior.config.latents:
        what = f"its prior has {model.prior.config.latents} latents, its gesture {gesture.shape[-1]}"
        raise WrongUse(what, where=where)
    if gesture.dim() != 2 or not len(gesture) or not least <= gesture.shape[1] <= most:
        shape, width = tuple(gesture.shape), f"{least} to {most}" if least < most else most
        raise WrongUse(f"tensor 'gesture' has shape {shape}, not (frames, {width})", where=where)
    _check_finite({**tensors, "gesture": gesture}, where)
    return gesture


def _check_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise WrongUse(f"tensor {name!r} is {tensor.dtype}, not float32", where=where)
        if not torch.isfinite(tensor).all():
            raise WrongUse(f"tensor {name!r} holds NaN or infinite values", where=where)


def _check_card(card: Mapping[str, Any], config: Config, gesture: Tensor, where: str) -> None:
    """Check that a card has every key and agrees with the model."""
    if missing := set(CARD) - card.keys():
        raise WrongUse(f"the card lacks {min(missing)!r}", where=where)
    if extra := card.keys() - {*CARD, *MORE}:
        raise WrongUse(f"the card has an unknown key {min(extra)!r}", where=where)
    facts = {
        "sample_rate": config.sample_rate,
        "channels": config.channels,
        "ratio": config.ratio,
        "full_latents": config.full_latents,
        "latents": gesture.shape[1],
    }
    for key, value in facts.items():
        if card[key] != value:
            raise WrongUse(f"the card says {key} {card[key]!r}, the model has {value}", where=where)
