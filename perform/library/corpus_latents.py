"""What a model was made of, as far as its file holds it: the corpus as latents. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from perform.core.errors import WrongUse
from perform.library.cards import is_module, read_card

Latents = npt.NDArray[np.float32]  #: (frames, latents), sigma


def read_corpus(path: Path) -> Latents:
    """[disk] The held-out corpus of a model (its `gesture`); no frames where its file holds none.

    None has a stranger's module, an export, nor a RAVE that was imported: the gesture of that is made up, and
    its card names no corpus. Nor has a file that is gone or broken: whoever plays it says so.
    """
    nothing = np.zeros((0, 0), np.float32)
    try:
        card = read_card(path)
        if not card.corpus or is_module(path):
            return nothing
        with safe_open(path, framework="numpy") as file:
            gesture = np.asarray(file.get_tensor("gesture"), np.float32)
    except (WrongUse, OSError, SafetensorError):
        return nothing
    return gesture if gesture.ndim == 2 and gesture.shape[1] == card.latents else nothing
