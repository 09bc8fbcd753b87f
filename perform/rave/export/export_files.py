"""Writes export files: `.ts` for nn~, `.onnx` for any runtime, with card and licence inside.

    .ts      extra/           card.json, config.json, and LICENCE: the weights'
    .onnx    metadata_props   card, config, LICENCE; method, frames, sample_rate, ratio, channels, latents

Both contain the weights and work without perform.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from typing import Any

import numpy as np
import torch

from perform.core.errors import WrongUse
from perform.rave import style_transfer
from perform.rave.architecture import Architecture
from perform.rave.archive import Archive
from perform.rave.config import Config
from perform.rave.export.nn_module import NnModule, NnModuleWithPrior
from perform.rave.export.styled_module import StyledNnModule, StyledNnModuleWithPrior
from perform.rave.graph import GRAPHS
from perform.rave.graph.labels import labelled
from perform.rave.model import RAVE
from perform.rave.model_files import made, stored
from perform.rave.model_size import check_size
from perform.rave.stored_model import StoredModel, older_styles, renew_styles

ROWS = 64  #: streams whose state an export keeps, as upstream's do
FORMAT = "perform-export-1"
_PLACES = {"codebooks.": "bottleneck.", "prior.": "prior_module.", "resampler.": "rates."}
_PLACED = {"latent_mean": "bottleneck.mean", "latent_pca": "bottleneck.pca"}


def torchscript(model: RAVE, rows: int = ROWS, channels: int | None = None) -> bytes:
    """An nn~ module (nn_module.py) for up to `rows` streams, as the bytes of an archive.

    channels : of its sound, 1 or 2; None: the model's
    WrongUse: the samples of a frame are not a power of two, as nn~'s buffers are.
    """
    if model.ratio & (model.ratio - 1):
        what = f"a frame has {model.ratio} samples, but nn~ needs a power of two"
        raise WrongUse(what, hint="export it as .onnx")
    model = copy.deepcopy(model).requires_grad_(False).eval()  # compiling shares its layers
    style_transfer.set_learning(model, None)
    kinds = (NnModule, NnModuleWithPrior)
    if style_transfer.layers(model):
        kinds = (StyledNnModule, StyledNnModuleWithPrior)
    wrapped = kinds[model.prior is not None](model, rows, channels).eval().requires_grad_(False)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # nn~ loads nothing but torch.jit
        script: Any = torch.jit.script(wrapped)
        torch.jit.save(script, out, _extra_files=_metadata(model))
    return out.getvalue()


def onnx_model(model: RAVE, method: str, frames: int = 1) -> bytes:
    """One of `perform.rave.graph.GRAPHS` as a model, for any number of streams and `frames` frames a call.

    Its inputs and outputs are those of `perform.rave.graph.methods`. `state` is zeros in the first call, then
    the result `after` of the call before.
    """
    graph, config = GRAPHS[method](stored(model), frames), model.config
    facts = {
        "format": FORMAT,
        "method": method,
        "frames": frames,
        "sample_rate": config.sample_rate,
        "ratio": model.ratio,
        "channels": config.channels,
        "latents": model.latents,
    }
    texts = {name.removesuffix(".json"): text for name, text in _metadata(model).items()}
    return labelled(graph, str(model.card.get("name", "")), {**texts, **facts})


def model_in_export(archive: Archive) -> RAVE | None:
    """The model in an archive that `torchscript` wrote; None for any other archive. Its code never runs.

    WrongUse: its tensors do not fit its config.
    """
    try:
        card, values = (json.loads(archive.entries[f"extra/{name}.json"]) for name in ("card", "config"))
        if values.pop("format") != FORMAT or not isinstance(card, dict):
            return None
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    config = Config.from_dict(values)
    check_size(config, sum(array.size for array in archive.tensors.values()), len(archive.tensors))
    architecture = Architecture(config)
    names = *architecture.tensors, *older_styles(architecture)
    found = {name: archive.tensors.get(_place(name)) for name in names}
    arrays = {name: np.array(value, np.float32) for name, value in found.items() if value is not None}
    renew_styles(arrays, architecture)
    gesture = archive.tensors.get("gesture")
    for name, shape in architecture.tensors.items():
        if name not in arrays or arrays[name].shape != shape:
            raise WrongUse(f"its {_place(name)} does not fit its configuration", where=str(archive.path))
    if gesture is None or gesture.ndim != 2:
        raise WrongUse("its gesture is not a table of frames and latents", where=str(archive.path))
    gesture = np.array(gesture, np.float32)
    return made(StoredModel(config, card, arrays, gesture, gesture.shape[1]))


def _place(name: str) -> str:
    """The name in an export of a tensor of a model's state dict."""
    for ours, theirs in _PLACES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return _PLACED.get(name, name)


def _metadata(model: RAVE) -> dict[str, str]:
    """Card, config and licence as texts."""
    return {
        "card.json": json.dumps(model.card, ensure_ascii=False),
        "config.json": json.dumps({"format": FORMAT, **model.config.to_dict()}),
        "LICENCE": str(model.card.get("licence", "unknown")),
    }
