"""Latents of a model's held-out corpus, or of the sounds it was calibrated with. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from perform.core.errors import WrongUse
from perform.library.cards import is_module, read_card, read_cloud

Latents = npt.NDArray[np.float32]  #: (frames, latents), sigma

_LARGEST = float(np.finfo(np.float32).max)


def read_corpus(path: Path) -> Latents:
    """[disk] Read the latents of a model's held-out corpus (tensor `gesture`); (0, 0) if there are none.

    The gesture of an imported RAVE is synthetic, and its card names no corpus. It and a third-party module
    have the latents of the sounds that they were calibrated with; exports have none. Missing and damaged
    files give (0, 0) too, and values that are not finite; loading the model reports the error.
    """
    nothing = np.zeros((0, 0), np.float32)
    try:
        card = read_card(path)
        if not card.corpus or is_module(path):
            gesture = np.array(read_cloud(path), np.float64)
        else:
            with safe_open(path, framework="numpy") as file:
                gesture = np.asarray(file.get_tensor("gesture"), np.float64)
    except (WrongUse, OSError, SafetensorError, ValueError):  # the frames of a damaged cloud differ
        return nothing
    if gesture.ndim != 2 or gesture.shape[1] != card.latents or not (np.abs(gesture) <= _LARGEST).all():
        return nothing
    return gesture.astype(np.float32)
