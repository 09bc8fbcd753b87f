"""A corpus as latents of a model, for the training of a prior; cached on disk. [disk]"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from perform.core.files import write_atomically
from perform.rave.model import RAVE
from perform.train.corpus import Corpus, Span
from perform.train.finishing import SETTLE

CHUNK = 256
"""Frames that the encoder computes in one call."""


def latents(model: RAVE, corpus: Corpus, folder: Path) -> tuple[list[Tensor], list[Tensor]]:
    """Return the latents of the training and of the held-out stretches, each (latents, frames).

    They are cached in `folder`.
    """
    path = folder / f"{_digest(model)}-{corpus.digest}.latents"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"training": corpus.training, "held_out": corpus.held_out}
        _write(
            path,
            {
                f"{name}.{i}": _encoded(model, corpus, span)
                for name, spans in parts.items()
                for i, span in enumerate(spans)
            },
        )
    with safe_open(path, "numpy") as file:  # "pt" refuses a path that is not UTF-8
        return (
            [torch.from_numpy(file.get_tensor(f"training.{i}")) for i in range(len(corpus.training))],
            [torch.from_numpy(file.get_tensor(f"held_out.{i}")) for i in range(len(corpus.held_out))],
        )


@torch.inference_mode()
def _encoded(model: RAVE, corpus: Corpus, span: Span) -> Tensor:
    """Return the latents of a stretch, (latents, frames); for a variational model, their means."""
    ratio, (start, end) = model.ratio, span
    before = min(SETTLE, start // ratio)
    frames = before + (end - start) // ratio
    state, parts = model.encoder_state(1), [torch.zeros(model.latents, 0)]
    for at in range(0, frames, CHUNK):
        count = min(CHUNK, frames - at)
        x = torch.from_numpy(corpus.read(start + (at - before) * ratio, count * ratio))
        z, state = model.encode(x[None], state)
        parts.append(z[0])
    return torch.cat(parts, 1)[:, before:].contiguous()


def _digest(model: RAVE) -> str:
    """Return a hash of the weights that determine the latents: all but prior and decoder."""
    digest = hashlib.sha256(str((model.config.sample_rate, model.latents)).encode())
    for name, tensor in model.state_dict().items():
        if not name.startswith(("prior.", "decoder.")):
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    write_atomically(path, serialise(tensors))
