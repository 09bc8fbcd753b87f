"""A model as it is in its file: config, card and arrays. No torch; `model_files` makes a torch model of it.

__metadata__  {"format": "perform-rave-1", "config": JSON, "card": JSON}
tensors       the model's state, and gesture (frames, latents); all float32
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from perform.core.errors import WrongUse
from perform.rave import architecture
from perform.rave.architecture import Architecture
from perform.rave.config import Config
from perform.rave.kernels import Array
from perform.rave.model_layers import AdaINLayer, walk
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
    *("latent_p01", "latent_p99", "latent_effect", "latent_words", "latent_home", "labels"),
    *("loudness_lufs", "warm_up", "author", "source", "attribution", "tags", "checks"),
)
"""Further keys a card may have: the encoder's part of the delay; whether delay and loudness are known; hours
and hardware of the training; the distance after phase 1, and at the end through the kept latents alone; the
delay measured with an impulse; a text about the prior; range and effect of each latent and a word for it, see
`perform.rave.latent_effect`; a lively moment of the corpus, see `perform.rave.latent_home`; the names of the
latents; loudness by EBU R 128; the first frames, which are not heard; who made the model, its page, whom to
name, and words to find it by; what the voice can do on sound that it has not learnt."""


class Weights:
    """The arrays of one part of a model, by their names in that part."""

    def __init__(self, arrays: Mapping[str, Array], path: str = "") -> None:
        self._arrays, self._path = arrays, path

    def __getitem__(self, name: str) -> Array:
        return self._arrays[self._path + name]

    def of(self, part: str) -> Weights:
        """Those of a part of this part."""
        return Weights(self._arrays, f"{self._path}{part}.")


@dataclass(frozen=True)
class StoredModel:
    """What a model's file holds.

    arrays  : by name, as `Architecture.tensors` lists them
    gesture : (frames, latents), a stretch of the corpus as latents
    latents : number of latents that the projection keeps
    """

    config: Config
    card: dict[str, Any]
    arrays: dict[str, Array]
    gesture: Array
    latents: int

    @cached_property
    def architecture(self) -> Architecture:
        """The layers of its config."""
        return Architecture(self.config)

    @property
    def weights(self) -> Weights:
        """The arrays, for the layers."""
        return Weights(self.arrays)

    @property
    def missing(self) -> int:
        """See `architecture.missing`."""
        return architecture.missing(self.config, self.latents)

    @property
    def noise(self) -> int:
        """See `architecture.noise`."""
        return architecture.noise(self.config, self.latents)


def read_model(path: Path) -> StoredModel:
    """Read and check a model's file. [disk] WrongUse: the file is damaged, or not a model."""
    where = str(path)
    try:
        with safe_open(path, "numpy") as file:  # "pt" refuses a path that is not UTF-8
            config, card = _header(file.metadata() or {}, where)
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
            _check_size(config, sum(map(math.prod, shapes)), len(shapes), where)
            arrays = {name: _array(file, name, where) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise WrongUse("no such model file", where=where) from None
    except (SafetensorError, OSError) as error:
        hint = "a model file is made by `perform train` or `perform models import`"
        raise WrongUse(f"not a safetensors file, or cut short ({error})", where=where, hint=hint) from None
    gesture = arrays.pop("gesture", None)
    if gesture is None:
        raise WrongUse("no tensor 'gesture'", where=where)
    made = Architecture(config)
    renew_styles(arrays, made)
    check_arrays(arrays, made, where)
    check_gesture(gesture, config, where)
    check_card(card, config, gesture.shape, where)
    return StoredModel(config, card, arrays, gesture, gesture.shape[1])


def older_styles(made: Architecture) -> list[str]:
    """The names of the tensors in which older files keep a style: scale and shift of each AdaIN layer."""
    styles = [path for path, layer in walk(made) if isinstance(layer, AdaINLayer)]
    return [f"{path}{name}" for path in styles for name in ("scale", "shift")]


def renew_styles(arrays: dict[str, Array], made: Architecture) -> None:
    """Convert the styles of an older file, in place."""
    names = older_styles(made)
    for scale, shift in zip(names[::2], names[1::2], strict=True):
        path = scale.removesuffix("scale")
        if not {scale, shift} <= arrays.keys() or f"{path}known" in arrays:
            continue
        new, moved = arrays.pop(scale)[:, 0], arrays.pop(shift)[:, 0]
        known = np.zeros((2, 2, len(new)), np.float32)
        known[:, 1] = 1.0
        learnt = bool((new != 1).any() or moved.any())
        if learnt:
            known[0, 1] -= np.float32(1e-5)  # which is added to the deviation of the source
            known[1] = moved, new
        arrays[f"{path}known"], arrays[f"{path}heard"] = known, np.full(2, learnt, np.float32)


def check_arrays(arrays: Mapping[str, Array], made: Architecture, where: str) -> None:
    """Raise WrongUse unless these are the arrays of the architecture, and finite."""
    wanted = made.tensors
    hint = "the file does not fit its own config"
    if missing := wanted.keys() - arrays:
        raise WrongUse(f"no tensor {min(missing)!r}", where=where, hint=hint)
    if extra := arrays.keys() - wanted:
        raise WrongUse(f"an unknown tensor {min(extra)!r}", where=where, hint=hint)
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            shapes = f"{arrays[name].shape}, not {shape}"
            raise WrongUse(f"tensor {name!r} has shape {shapes}", where=where)
    check_finite(arrays, where)


def check_gesture(gesture: Array, config: Config, where: str) -> None:
    """Raise WrongUse unless these may be latents of the model, (frames, latents)."""
    most = config.most_latents
    least = 1 if config.bottleneck == "variational" else most  # only a posterior is projected
    if config.prior and gesture.shape[-1] != config.prior.latents:
        what = f"its prior has {config.prior.latents} latents, its gesture {gesture.shape[-1]}"
        raise WrongUse(what, where=where)
    if gesture.ndim != 2 or not len(gesture) or not least <= gesture.shape[1] <= most:
        width = f"{least} to {most}" if least < most else most
        raise WrongUse(f"tensor 'gesture' has shape {gesture.shape}, not (frames, {width})", where=where)
    check_finite({"gesture": gesture}, where)


def check_finite(arrays: Mapping[str, Array], where: str) -> None:
    """Raise WrongUse unless these are finite float32 numbers."""
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise WrongUse(f"tensor {name!r} is {array.dtype}, not float32", where=where)
        if not np.isfinite(array).all():
            raise WrongUse(f"tensor {name!r} holds NaN or infinite values", where=where)


def check_card(card: Mapping[str, Any], config: Config, gesture: tuple[int, ...], where: str) -> None:
    """Check that a card has every key and agrees with the model and the shape of its gesture."""
    if missing := set(CARD) - card.keys():
        raise WrongUse(f"the card lacks {min(missing)!r}", where=where)
    if extra := card.keys() - {*CARD, *MORE}:
        raise WrongUse(f"the card has an unknown key {min(extra)!r}", where=where)
    facts = {
        "sample_rate": config.sample_rate,
        "channels": config.channels,
        "ratio": config.ratio,
        "full_latents": config.full_latents,
        "latents": gesture[1],
    }
    for key, value in facts.items():
        if card[key] != value:
            raise WrongUse(f"the card says {key} {card[key]!r}, the model has {value}", where=where)


def _check_size(config: Config, values: int, tensors: int, where: str) -> None:
    try:
        check_size(config, values, tensors)
    except WrongUse as error:
        raise WrongUse(f"bad config: {error.what}", where=where) from None


def _array(file: Any, name: str, where: str) -> Array:
    """Read a tensor; WrongUse unless it is float32."""
    if (kind := file.get_slice(name).get_dtype()) != "F32":
        raise WrongUse(f"tensor {name!r} is {kind}, not float32", where=where)
    array: Array = file.get_tensor(name)
    return array


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
